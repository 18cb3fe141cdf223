package collect_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/journal"
)

// send posts a body without copying it.
func (f *fixture) send(path string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("X-Moesif-Application-Id", f.app.ApplicationID)
	w := httptest.NewRecorder()
	f.collector.ServeHTTP(w, r)
	return w
}

// failing is a body that says when it is read.
type failing struct{ t *testing.T }

func (f failing) Read([]byte) (int, error) {
	f.t.Error("the body of a request that cannot be taken is read")
	return 0, io.EOF
}

func TestWithoutSpaceClientsAreAskedToComeAgainBeforeTheySendTheirBody(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		after  string
	}{
		{journal.ErrFull, http.StatusTooManyRequests, "10"},
		{fmt.Errorf("%w: 5 bytes", journal.ErrBehind), http.StatusTooManyRequests, "10"},
		{fmt.Errorf("%w: broken", journal.ErrFailed), http.StatusServiceUnavailable, "2"},
		{journal.ErrClosed, http.StatusServiceUnavailable, "2"},
	} {
		f := setUp(t)
		f.journal.ready = c.err
		for _, path := range []string{"/v1/events", "/v1/events/batch", "/v1/users"} {
			w := f.send(path, failing{t})
			f.want(w, c.status)
			if w.Header().Get("Retry-After") != c.after {
				t.Errorf("%v: Retry-After %q", c.err, w.Header().Get("Retry-After"))
			}
		}
		// What came in before the space was gone is told the same.
		f.journal.ready, f.journal.err = nil, c.err
		f.want(f.post("/v1/events/batch", "["+call(now, "")+"]"), c.status)
		f.journal.err = nil
		f.want(f.post("/v1/events/batch", "["+call(now, "")+"]"), http.StatusCreated)
	}
}

func TestTheLimitOfAnApplicationIsAsked(t *testing.T) {
	f := setUp(t)
	var asked []string
	wait := time.Duration(0)
	f.collector.Limit = func(app string, items int) time.Duration {
		if app != f.app.ID {
			t.Errorf("asked about %q", app)
		}
		asked = append(asked, fmt.Sprint(items))
		return wait
	}
	one := call(now, "")
	f.want(f.post("/v1/events", one), http.StatusCreated)
	f.want(f.post("/v1/events/batch", "["+one+","+one+"]"), http.StatusCreated)
	f.want(f.post("/v1/events/batch", "[]"), http.StatusCreated)
	f.want(f.post("/v1/users/batch", `[{"user_id":"1"},{"user_id":"2"},{"user_id":"3"}]`), http.StatusCreated)
	f.want(f.post("/v1/users", `{"user_id":"1"}`), http.StatusCreated)
	wait = 2500 * time.Millisecond
	journalled := len(f.journal.batches)
	w := f.post("/v1/events/batch", "["+one+"]")
	f.want(w, http.StatusTooManyRequests)
	if w.Header().Get("Retry-After") != "3" || len(f.journal.batches) != journalled {
		t.Errorf("Retry-After %q, %d batches", w.Header().Get("Retry-After"), len(f.journal.batches))
	}
	if got := strings.Join(asked, " "); got != "1 2 3 1 1" {
		t.Errorf("asked about %s items", got)
	}
}

// TestLargeBodiesWaitForMemory holds large bodies open: one too many is sent away,
// and taken when there is memory again.
func TestLargeBodiesWaitForMemory(t *testing.T) {
	f := setUp(t)
	const size = 50 << 20
	held := make([]*heldBody, 5) // of 50 MB each, out of 256
	done := make(chan int, len(held))
	for i := range held {
		held[i] = newHeldBody()
		r := httptest.NewRequest(http.MethodPost, "/v1/events/batch", held[i])
		r.ContentLength = size
		r.Header.Set("X-Moesif-Application-Id", f.app.ApplicationID)
		go func() {
			w := httptest.NewRecorder()
			f.collector.ServeHTTP(w, r)
			done <- w.Code
		}()
		<-held[i].reading
	}
	body := append(bytes.Repeat([]byte(" "), 20<<20), "[]"...)
	w := f.send("/v1/events/batch", bytes.NewReader(body))
	f.want(w, http.StatusTooManyRequests)
	for _, h := range held {
		close(h.end)
		if code := <-done; code != http.StatusBadRequest {
			t.Errorf("a body that broke off: %d", code)
		}
	}
	f.want(f.send("/v1/events/batch", bytes.NewReader(body)), http.StatusCreated)
}

// heldBody says when it is read, and breaks off when it is told to.
type heldBody struct{ reading, end chan struct{} }

func newHeldBody() *heldBody { return &heldBody{make(chan struct{}), make(chan struct{})} }

func (h *heldBody) Read([]byte) (int, error) {
	close(h.reading)
	<-h.end
	return 0, errors.New("broken off")
}
