package pipe

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// Post changes what has been answered (post of modifier/lua-proxy and -backend). Its
// errors are the endpoint's, or count as the backend's. It is safe for concurrent use.
type Post interface {
	// Answer changes an answer that is decoded.
	Answer(ctx context.Context, a *backend.Answer) error
	// Response changes an answer of no-op.
	Response(ctx context.Context, resp *http.Response) error
}

// post is what s asks for; nil when that is nothing.
func (o *Options) post(s *config.Script) Post {
	if s == nil || s.Post == nil || o.Post == nil {
		return nil
	}
	return o.Post(s)
}

// skips reports whether s wants nobody to be called.
func skips(s *config.Script) bool { return s != nil && s.SkipNext }

// posted is answer with what post makes of it. It keeps answer only without an error.
func posted(ctx context.Context, post Post, answer *backend.Answer) (*backend.Answer, error) {
	if err := answer.Decode(); err != nil {
		return nil, err
	}
	if err := post.Answer(ctx, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// unasked is the answer where nobody was asked: without data, and not complete until
// a script says so.
func unasked() *backend.Answer { return &backend.Answer{Data: map[string]any{}, Failed: true} }

// unaskedResponse is the same for no-op: 200 and no body.
func unaskedResponse() *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
}

// change lets post change resp, whose body is closed when that fails. An upgrade is
// left alone.
func change(ctx context.Context, post Post, resp *http.Response) error {
	if post == nil || resp.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	err := post.Response(ctx, resp)
	if err != nil {
		_ = resp.Body.Close() // nothing of it is wanted
	}
	return err
}

func isSkipped(err error) bool {
	var skipped backend.Skipped
	return errors.As(err, &skipped)
}

// restated writes an answer with the status and the headers that a script has set.
type restated struct {
	http.ResponseWriter
	status int
	header http.Header
	silent bool // the status has no body
}

// restate is w for what a has to say; w itself when that is nothing.
func restate(w http.ResponseWriter, a *backend.Answer) http.ResponseWriter {
	if a.Status == 0 && len(a.Header) == 0 {
		return w
	}
	return &restated{ResponseWriter: w, status: a.Status, header: a.Header}
}

// WriteHeader implements http.ResponseWriter. What the script set stands over what the
// encoding says, but for an error of the encoding.
func (s *restated) WriteHeader(status int) {
	h := s.Header()
	for name, values := range s.header {
		h[name] = values
	}
	if status == http.StatusOK && s.status != 0 {
		status = s.status
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		s.silent = true
		delete(h, "Content-Length")
		delete(h, "Content-Type")
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (s *restated) Write(p []byte) (int, error) {
	if s.silent {
		return len(p), nil
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap gives the writer around to http.ResponseController.
func (s *restated) Unwrap() http.ResponseWriter { return s.ResponseWriter }
