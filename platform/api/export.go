package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
)

const (
	// exportTime bounds how long the file of an export may be written.
	exportTime = 10 * time.Minute
	// exportPage is how many events of NDJSON are read at a time.
	exportPage = 1000
)

// Exporter writes events into files.
type Exporter interface {
	ExportCount(ctx context.Context, f events.Filter) (events int64, err error)
	ExportSize(ctx context.Context, f events.Filter, format string, bodies bool) (bytes int64, err error)
	Export(ctx context.Context, f events.Filter, format, path string, bodies bool) error
}

// Scratch is where files are put together that are gone when they were sent.
type Scratch struct {
	Dir  string
	Free func() (bytes uint64, ok bool) // of its disk
	// Reserve is how many bytes must stay free.
	Reserve uint64
}

type exportRequest struct {
	Scope
	Which
	Format string `query:"format" enum:"ndjson,csv,parquet" default:"ndjson" doc:"ndjson: an event in wire form on each line, newest first, as a collector takes them. csv and parquet: a column for each field, oldest first." example:"parquet"`
	Bodies bool   `query:"bodies" default:"false" doc:"Whether to export request and response bodies." example:"false"`
}

var contentTypes = map[string]string{
	"ndjson": "application/x-ndjson", events.CSV: "text/csv; charset=utf-8", events.Parquet: "application/vnd.apache.parquet",
}

type exportPreview struct {
	Body struct {
		Events int64 `json:"events" doc:"Calls that the file would hold now." example:"18250"`
		Bytes  int64 `json:"bytes" doc:"About how long the file would be, in bytes." example:"18688000"`
		Most   int64 `json:"most" doc:"Calls that a file of this format may hold; 0 is no bound." example:"10000000"`
	}
}

func (a *api) addExport() {
	a.addExportPreview()
	var one sync.Mutex // a file takes disk, and sorting takes memory
	huma.Register(a.huma, huma.Operation{
		OperationID: "export-events", Method: http.MethodGet, Path: "/api/v1/events/export", Tags: []string{"events"},
		Metadata: streams(access.ReadEvents), Errors: []int{401, 403, 404, 409, 422, 503, 507},
		Summary: "Calls, as a file",
		Description: "At most 10,000,000 for csv and parquet, of which one is written at a time. Cells of csv are as they were received: " +
			"one that begins with = is a formula to some spreadsheets. A connection that is cut means that the file is not whole.",
		Responses: binaryAnswer("application/octet-stream", "The file."),
	}, func(ctx context.Context, r *exportRequest) (*huma.StreamResponse, error) {
		f, err := a.filter(r.Scope, r.Which, usageRange)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		name := "events." + r.Format
		if r.Format == "ndjson" {
			// A bad question is told before the answer begins.
			if _, _, err := a.Events.List(ctx, f, events.Page{Limit: 1}); err != nil {
				return nil, a.failure(ctx, err)
			}
			return a.stream(contentTypes[r.Format], name, func(ctx context.Context, w io.Writer) error {
				return a.exportLines(ctx, f, r.Bodies, w)
			}), nil
		}
		if !one.TryLock() {
			return nil, huma.Error409Conflict("an export is being written: wait for it to end")
		}
		defer one.Unlock()
		file, err := a.exportFile(ctx, f, r.Format, r.Bodies)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.stream(contentTypes[r.Format], name, func(_ context.Context, w io.Writer) error {
			_, err := io.Copy(w, file)
			return errors.Join(err, file.Close())
		}), nil
	})
}

func (a *api) addExportPreview() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "preview-export", Method: http.MethodGet, Path: "/api/v1/events/export/preview", Tags: []string{"events"},
		Metadata: needs(access.ReadEvents), Errors: []int{401, 403, 404, 422, 503},
		Summary: "What an export would hold",
	}, func(ctx context.Context, r *exportRequest) (*exportPreview, error) {
		f, err := a.filter(r.Scope, r.Which, usageRange)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		answer := &exportPreview{}
		if answer.Body.Events, err = a.Exporter.ExportCount(ctx, f); err != nil {
			return nil, a.failure(ctx, err)
		}
		answer.Body.Bytes = exportLength(answer.Body.Events, r.Format, r.Bodies)
		if r.Format != "ndjson" {
			answer.Body.Most = events.MaxExport
		}
		return answer, nil
	})
}

// exportLength is about how many bytes a file takes. NDJSON has the columns of CSV,
// with a name before each.
func exportLength(n int64, format string, bodies bool) int64 {
	if format == "ndjson" {
		format = events.CSV
	}
	return events.ExportBytes(n, format, bodies)
}

// exportLines pages through the events: nothing is held while the client reads.
func (a *api) exportLines(ctx context.Context, f events.Filter, bodies bool, w io.Writer) error {
	lines := bufio.NewWriterSize(w, 64<<10)
	page := events.Page{Limit: exportPage, Bodies: bodies}
	var line []byte
	for {
		limited, cancel := context.WithTimeout(ctx, answerTime)
		list, next, err := a.Events.List(limited, f, page)
		cancel()
		if err != nil {
			return err
		}
		for i := range list {
			line = append(wire.AppendEvent(line[:0], &list[i]), '\n')
			if _, err := lines.Write(line); err != nil {
				return err
			}
		}
		if next == "" {
			return lines.Flush()
		}
		page.Cursor = next
	}
}

// exportFile returns a file that is in no directory any more: closing it frees it.
func (a *api) exportFile(ctx context.Context, f events.Filter, format string, bodies bool) (file *os.File, err error) {
	ctx, cancel := context.WithTimeout(ctx, exportTime)
	defer cancel()
	size, err := a.Exporter.ExportSize(ctx, f, format, bodies)
	if err != nil {
		return nil, err
	}
	if free, ok := a.Scratch.Free(); ok && free < uint64(max(0, size))+a.Scratch.Reserve {
		return nil, huma.NewError(http.StatusInsufficientStorage, fmt.Sprintf("the file would take about %d MB, the platform's disk has %d", size>>20, free>>20))
	}
	dir, err := os.MkdirTemp(a.Scratch.Dir, ScratchPrefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "events."+format)
	if err := a.Exporter.Export(ctx, f, format, path, bodies); err != nil {
		return nil, err
	}
	return os.Open(filepath.Clean(path))
}

// ScratchPrefix is how the names of directories in Scratch.Dir begin.
const ScratchPrefix = "export-"
