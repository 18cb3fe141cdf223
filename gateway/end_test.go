package gateway

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestClientThatLeavesCancelsTheBackend(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		began, left := make(chan struct{}), make(chan struct{})
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/streaming" {
				w.(http.Flusher).Flush()
			}
			began <- struct{}{}
			<-r.Context().Done()
			left <- struct{}{}
		})
		g := start(t, noop("GET /{how}", host, "/{how}"), object("GET /json/{how}", host, "/{how}"))
		for _, path := range []string{"/waiting", "/streaming", "/json/waiting"} {
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if resp, err := g.Client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			}()
			heard(t, began, path)
			cancel()
			heard(t, left, "the end at the backend of "+path)
			heard(t, done, "the client's end")
		}
	})
}

func TestTimeoutEndsTheWholePipe(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/streaming" {
				_, _ = w.Write([]byte("some"))
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		})
		soon := timeout(50 * time.Millisecond)
		g := start(t, noop("GET /{how}", host, "/{how}", soon), object("GET /json/{how}", host, "/{how}", soon))
		for _, path := range []string{"/waiting", "/json/waiting", "/json/streaming"} {
			got := g.send(t, "GET "+path, "")
			if got.StatusCode != 500 || got.Text != "" || got.Header.Get("X-Krakend-Completed") != "false" {
				t.Errorf("%s: got %d %q", path, got.StatusCode, got.Text)
			}
		}
		resp, err := g.Client.Get(g.URL + "/streaming")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if text, err := io.ReadAll(resp.Body); err == nil || string(text) != "some" {
			t.Errorf("a cut answer must not look complete: %q, %v", text, err)
		}
	})
}

func TestBackendThatBreaksOffBreaksTheAnswer(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("some"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	g := serving(t, noop("GET /a", host, "/"))
	resp, err := g.Client.Get(g.URL + "/a")
	if err != nil {
		return // broken off before the headers went out
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got a complete %q", text)
	}
}
