package api

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/backup"
)

// Backups copies the platform's data while it runs.
type Backups interface {
	Take(ctx context.Context) (*backup.Copy, error)
}

func (a *api) addBackup() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "take-backup", Method: http.MethodPost, Path: "/api/v1/backup", Tags: []string{"upkeep"},
		Metadata: streams(access.TakeBackups), Errors: []int{401, 403, 409, 503, 507},
		Summary: "Everything, as an archive to restore from",
		Description: "A tar archive with all applications, people, events and what is in the journal: whatever was acknowledged before is in it. " +
			"Its last file is manifest.json; what ends before it is not whole. Nothing is refused meanwhile. gatemeter restore puts it back.",
		Responses: binaryAnswer("application/x-tar", "The archive."),
	}, func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
		c, err := a.Backups.Take(ctx)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.stream("application/x-tar", "gatemeter-backup.tar", func(ctx context.Context, w io.Writer) (err error) {
			defer func() {
				if end := c.Close(); end != nil {
					a.Logger.Error("the files of a backup are left behind", "error", end)
				}
			}()
			return c.WriteTo(ctx, w)
		}), nil
	})
}

// binaryAnswer describes an answer that is no JSON.
func binaryAnswer(contentType, description string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: description,
		Content:     map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
	}}
}
