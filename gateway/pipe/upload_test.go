package pipe

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// client is one that keeps its body: reads end with the deadline. It is the body and
// the writer of one request.
type client struct {
	*httptest.ResponseRecorder
	mu       sync.Mutex // guards the next two
	deadline time.Time
	moved    chan struct{} // closed when the deadline moves
}

func newClient() *client {
	return &client{ResponseRecorder: httptest.NewRecorder(), moved: make(chan struct{})}
}

func (c *client) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	close(c.moved)
	c.moved = make(chan struct{})
	return nil
}

func (c *client) bound() (deadline time.Time, moved <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline, c.moved
}

func (c *client) Read([]byte) (int, error) {
	for {
		deadline, moved := c.bound()
		var ends <-chan time.Time
		if !deadline.IsZero() {
			ends = time.After(time.Until(deadline))
		}
		select {
		case <-moved:
		case <-ends:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (c *client) Close() error { return errors.New("net/http closes it") }

func (c *client) upload(t *testing.T) *upload {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", c)
	r.ContentLength = 100
	r.Body = c
	return openUpload(c, r)
}

// Whoever closes a body while somebody reads it throws away what comes: who read on
// would hand on a body with a hole.
func TestABodyThatIsClosedIsNotReadAnyMore(t *testing.T) {
	for _, ends := range []bool{false, true} {
		w := newClient()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 2*tolerated)))
		if ends {
			r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
		}
		u := openUpload(w, r)
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := u.Read(make([]byte, 1)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("read %d bytes, %v", n, err)
		}
		if u.ended.Load() != ends {
			t.Errorf("ended: %v, want %v", !ends, ends)
		}
	}
}

// When a request ends nobody reads its body, and whoever does so afterwards finds a
// deadline: net/http takes a deadline away when somebody is reading.
func TestNobodyReadsABodyWhenItsRequestEnds(t *testing.T) {
	for name, does := range map[string]func(*upload){
		"reads":          func(u *upload) { _, _ = io.Copy(io.Discard, u) },
		"closes":         func(u *upload) { _ = u.Close() },
		"reads, closes":  func(u *upload) { _, _ = io.Copy(io.Discard, u); _ = u.Close() },
		"does not begin": func(*upload) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient()
				u := c.upload(t)
				began, left := time.Now(), make(chan struct{})
				go func() {
					does(u)
					close(left)
				}()
				synctest.Wait()
				u.finish()
				synctest.Wait()
				select {
				case <-left:
				default:
					t.Error("somebody is still reading")
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("the request's end was held up for %v", took)
				}
				deadline, _ := c.bound()
				if rest := time.Until(deadline); rest != lingering {
					t.Errorf("the deadline is in %v, want %v", rest, lingering)
				}
				if _, err := u.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
					t.Errorf("a read afterwards: %v", err)
				}
				if err := u.Close(); err != nil {
					t.Errorf("closing afterwards: %v", err)
				}
			})
		})
	}
}
