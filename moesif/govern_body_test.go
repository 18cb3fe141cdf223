package moesif

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// dropping is a body of size bytes that the rule byBody matches.
func dropping(size int) string {
	const frame = `{"op":"drop","pad":""}`
	return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
}

func TestConditionsSee64KiBOfABody(t *testing.T) {
	const most = 65536
	g := governed(t, "", rules(byBody), "")
	for _, size := range []int{most - 1, most, most + 1} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes, chunked: %v", size, chunked), func(t *testing.T) {
				body, received := dropping(size), ""
				r := httptest.NewRequest("POST", "/", strings.NewReader(body))
				if chunked {
					r.ContentLength = -1
				}
				w := ask(g, r, func(_ http.ResponseWriter, r *http.Request) {
					all, err := io.ReadAll(r.Body)
					if err != nil {
						t.Error(err)
					}
					received = string(all)
				})
				if blocked := w.Code == 403; blocked != (size <= most) || !blocked && received != body {
					t.Errorf("got %d, the handler received %d bytes", w.Code, len(received))
				}
			})
		}
	}
}

// A longer body is not held back: the handler begins before the client has ended.
func TestABodyTooLongForConditionsIsStreamedOn(t *testing.T) {
	g := governed(t, "", rules(byBody), "")
	in, out := io.Pipe()
	reached := make(chan struct{})
	const beginning, rest = 80_000, 100_000
	go func() {
		defer func() { _ = out.Close() }()
		_, _ = io.WriteString(out, dropping(beginning))
		select {
		case <-reached:
		case <-time.After(20 * time.Second):
			t.Error("the handler waits for the whole body")
		}
		_, _ = io.WriteString(out, strings.Repeat(" ", rest))
	}()
	r := httptest.NewRequest("POST", "/", in)
	r.ContentLength = -1
	var n int64
	w := ask(g, r, func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		var err error
		if n, err = io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
	})
	if w.Code != 200 || n != beginning+rest {
		t.Errorf("got %d, the handler received %d bytes", w.Code, n)
	}
}
