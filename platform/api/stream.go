package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
)

// streamsKey marks operations whose answer is as long as it is: the time an answer
// may take does not bound them, but each piece of it has to be taken in stallTime.
const streamsKey = "streams"

// streams marks such an operation, which needs this right.
func streams(right access.Right) map[string]any {
	return map[string]any{rightKey: right, streamsKey: true}
}

const stallTime = time.Minute

// stream answers with what write writes. When that fails the connection is cut:
// no client takes the beginning for the whole.
func (a *api) stream(contentType, name string, write func(ctx context.Context, w io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", contentType)
		hc.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		w := &patient{w: hc.BodyWriter()}
		if rw, ok := w.w.(http.ResponseWriter); ok {
			w.control = http.NewResponseController(rw)
		}
		if err := write(hc.Context(), w); err != nil {
			if hc.Context().Err() == nil && w.err == nil {
				a.Logger.Error("the console API could not go on with an answer", "answer", name, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}
}

// patient moves the deadline of an answer on with every piece of it.
type patient struct {
	w       io.Writer
	control *http.ResponseController // nil: no deadline to move
	err     error                    // of the client's connection
}

func (p *patient) Write(b []byte) (n int, err error) {
	if p.control != nil {
		if err := p.control.SetWriteDeadline(time.Now().Add(stallTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
	}
	n, p.err = p.w.Write(b)
	return n, p.err
}
