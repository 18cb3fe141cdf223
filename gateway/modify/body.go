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
// It is errTooLong beyond maxBody, and errTooSlow when it does not come in within
// patience.
func wholeBody(w http.ResponseWriter, r *http.Request, patience time.Duration) ([]byte, *http.Request, error) {
	if r.ContentLength > maxBody {
		return nil, nil, errTooLong
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
	switch _, err := body.ReadFrom(io.LimitReader(r.Body, maxBody+1)); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, nil, errTooSlow
	case err != nil:
		return nil, nil, err
	case body.Len() > maxBody:
		return nil, nil, errTooLong
	}
	// After a failure it stays: net/http waits for the rest of the body.
	if timed {
		_ = deadline.SetReadDeadline(time.Time{}) // the next read tells
	}
	again := r.WithContext(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body.Bytes()))
	return body.Bytes(), again, nil
}
