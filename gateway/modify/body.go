package modify

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// maxBody bounds, in bytes, a request's body that has to be read whole before the
// backend gets it.
const maxBody = 10 << 20

var (
	errTooLong = errors.New("the body is too long")
	errTooSlow = errors.New("the body took too long")
)

// wholeBody reads r's body and returns a request that has it again, for the backend.
// It is errTooLong beyond maxBody, where the request has it again as well, and
// errTooSlow when it does not come in within patience.
func wholeBody(w http.ResponseWriter, r *http.Request, patience time.Duration) ([]byte, *http.Request, error) {
	if r.ContentLength > maxBody {
		return nil, r, errTooLong
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, r, nil
	}
	deadline := http.NewResponseController(w)
	timed := deadline.SetReadDeadline(time.Now().Add(patience)) == nil
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errTooSlow
	}
	if err != nil {
		return nil, nil, err // the deadline stays: net/http waits for the rest of the body
	}
	if timed && body.Len() <= maxBody { // else the deadline stays for the rest, which nobody may want
		_ = deadline.SetReadDeadline(time.Time{}) // the next read tells
	}
	again := r.WithContext(r.Context())
	if body.Len() > maxBody {
		again.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&body, r.Body), r.Body}
		return nil, again, errTooLong
	}
	again.Body = io.NopCloser(bytes.NewReader(body.Bytes()))
	return body.Bytes(), again, nil
}

// ownBody is a body that the gateway has written itself.
type ownBody struct {
	bytes.Reader
	text []byte
}

func newOwnBody(text []byte) *ownBody { return &ownBody{*bytes.NewReader(text), text} }

// Close implements io.Closer.
func (*ownBody) Close() error { return nil }

// setBody gives a call another body.
func setBody(r *http.Request, body []byte) {
	discard(r)
	r.Body = newOwnBody(body)
	r.ContentLength, r.Trailer, r.GetBody = int64(len(body)), nil, nil
}

// discard closes the body of a request that is not sent.
func discard(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // nobody reads it
	}
}
