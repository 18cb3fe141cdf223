package backend

import (
	"fmt"
	"io"
	"net/http"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// maxErrorBody bounds, in bytes, what is kept of the body of a failed answer.
const maxErrorBody = 1 << 20

// StatusError is an answer whose status is neither 200 nor 201 (KrakenD v3, 1.7).
type StatusError struct {
	Code   int
	Method string
	Path   string
	URL    string
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("invalid status code %d [%s %s]: %s", e.Code, e.Method, e.Path, e.URL)
}

// AnswerError is a failed answer that return_error_code hands on to the client. Its
// text is the backend's body.
type AnswerError struct {
	Code        int
	ContentType string
	Body        string
}

// Error implements error.
func (e *AnswerError) Error() string { return e.Body }

// Plain says that the text is the whole message.
func (*AnswerError) Plain() {}

// details is what return_error_details puts in the data, under error_<alias>.
type details struct {
	Code     int    `json:"http_status_code" yaml:"http_status_code"`
	Body     string `json:"http_body,omitempty" yaml:"http_body,omitempty"`
	Encoding string `json:"http_body_encoding,omitempty" yaml:"http_body_encoding,omitempty"`
}

// Object is d for an encoder that knows no tags.
func (d details) Object() map[string]any {
	object := map[string]any{"http_status_code": d.Code}
	if d.Body != "" {
		object["http_body"] = d.Body
	}
	if d.Encoding != "" {
		object["http_body_encoding"] = d.Encoding
	}
	return object
}

// statusRule says what becomes of an answer that failed; alias wins over code.
type statusRule struct {
	alias string
	code  bool
}

func newStatusRule(b *config.Backend) statusRule {
	return statusRule{alias: b.ErrorDetails, code: b.ReturnErrorCode}
}

// apply returns nil, nil for an answer that may be decoded. body is resp's, unzipped.
func (s statusRule) apply(resp *http.Response, body io.Reader) (*Answer, error) {
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated {
		return nil, nil
	}
	if s.alias == "" && !s.code {
		u := resp.Request.URL
		return nil, &StatusError{Code: resp.StatusCode, Method: resp.Request.Method, Path: u.Path, URL: u.Redacted()}
	}
	text, err := io.ReadAll(io.LimitReader(body, maxErrorBody))
	if err != nil {
		return nil, fmt.Errorf("reading the body of status %d: %w", resp.StatusCode, err)
	}
	contentType := resp.Header.Get("Content-Type")
	if s.alias == "" {
		return nil, &AnswerError{Code: resp.StatusCode, ContentType: contentType, Body: string(text)}
	}
	return &Answer{Failed: true, Data: map[string]any{
		"error_" + s.alias: details{Code: resp.StatusCode, Body: string(text), Encoding: contentType},
	}}, nil
}
