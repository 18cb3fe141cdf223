package modify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify/script"
)

// Answers is what of modifier/lua-proxy or modifier/lua-backend runs over answers. It
// is safe for concurrent use.
type Answers struct{ script *script.Script }

// NewAnswers compiles the post of c, which has one.
func NewAnswers(c *config.Script, s Scripts) *Answers {
	return &Answers{s.compile(c, "request")}
}

// Data runs over an answer of decoded data. When ctx has ended, the error is its cause.
func (a *Answers) Data(ctx context.Context, r *script.Response) error {
	err := a.script.RunPost(ctx, r)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return toldBy(err)
}

// Stream runs over an answer of no-op, which it changes in place. A body that the
// script does not ask for passes as it comes; one that it does is maxBody long at most.
// What data gives is empty, and nothing becomes of it.
func (a *Answers) Stream(ctx context.Context, resp *http.Response) error {
	var body *[]byte // the script's own
	seen := &script.Response{
		Complete: true, Status: resp.StatusCode, Header: resp.Header,
		Body: script.Text{
			Get: func() (string, error) {
				if body != nil {
					return string(*body), nil
				}
				text, err := wholeAnswer(resp)
				return string(text), err
			},
			Set: func(text string) error {
				own := []byte(text)
				body = &own
				return nil
			},
		},
	}
	if err := a.Data(ctx, seen); err != nil {
		return err
	}
	if seen.Status != resp.StatusCode {
		resp.StatusCode, resp.Status = seen.Status, strconv.Itoa(seen.Status)+" "+http.StatusText(seen.Status)
	}
	if body != nil && !bodyless(resp) {
		_ = resp.Body.Close() // nobody wants the rest of it
		replaceBody(resp, *body)
		resp.Trailer = nil
		delete(resp.Header, "Content-Encoding")
		delete(resp.Header, "Etag") // of another body
	}
	return nil
}

// wholeAnswer reads the body, and gives resp one to be read again.
func wholeAnswer(resp *http.Response) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBody {
		return nil, errors.New("the answer's body is too long")
	}
	_ = resp.Body.Close() // read to its end
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return text, nil
}

// bodyless reports whether resp can't have a body.
func bodyless(resp *http.Response) bool {
	return resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified ||
		resp.Request != nil && resp.Request.Method == http.MethodHead
}

func replaceBody(resp *http.Response, body []byte) {
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength, resp.TransferEncoding, resp.Uncompressed = int64(len(body)), nil, false
	resp.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
}
