package moesif

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"
)

// The abilities of a writer, in every combination.
type (
	bare   struct{ http.ResponseWriter }
	flushs struct{}
	hijcks struct{}
	reads  struct{ into *bytes.Buffer }
	pushs  struct{}
)

func (flushs) Flush()                                       {}
func (hijcks) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errors.New("no") }
func (r reads) ReadFrom(src io.Reader) (int64, error)       { return r.into.ReadFrom(src) }
func (pushs) Push(string, *http.PushOptions) error          { return nil }

func TestAWrapperCanDoWhatTheWriterCanAndNoMore(t *testing.T) {
	b := bare{}
	writers := []http.ResponseWriter{
		b,
		struct {
			bare
			flushs
		}{},
		struct {
			bare
			hijcks
		}{},
		struct {
			bare
			flushs
			hijcks
		}{},
		struct {
			bare
			reads
		}{},
		struct {
			bare
			flushs
			reads
		}{},
		struct {
			bare
			hijcks
			reads
		}{},
		struct {
			bare
			flushs
			hijcks
			reads
		}{},
		struct {
			bare
			pushs
		}{},
		struct {
			bare
			flushs
			pushs
		}{},
		struct {
			bare
			hijcks
			pushs
		}{},
		struct {
			bare
			flushs
			hijcks
			pushs
		}{},
		struct {
			bare
			reads
			pushs
		}{},
		struct {
			bare
			flushs
			reads
			pushs
		}{},
		struct {
			bare
			hijcks
			reads
			pushs
		}{},
		struct {
			bare
			flushs
			hijcks
			reads
			pushs
		}{},
	}
	abilities := func(w any) (out [4]bool) {
		_, out[0] = w.(http.Flusher)
		_, out[1] = w.(http.Hijacker)
		_, out[2] = w.(io.ReaderFrom)
		_, out[3] = w.(http.Pusher)
		return out
	}
	seen := map[[4]bool]bool{}
	for i, inner := range writers {
		got := (&response{ResponseWriter: inner}).like()
		if abilities(got) != abilities(inner) {
			t.Errorf("combination %d: %v became %v", i, abilities(inner), abilities(got))
		}
		if _, ok := got.(io.StringWriter); !ok {
			t.Errorf("combination %d: no WriteString", i)
		}
		if u, ok := got.(interface{ Unwrap() http.ResponseWriter }); !ok || !reflect.DeepEqual(u.Unwrap(), inner) {
			t.Errorf("combination %d: does not unwrap", i)
		}
		seen[abilities(inner)] = true
	}
	if len(seen) != 16 {
		t.Errorf("%d combinations tried, want 16", len(seen))
	}
}

// hiding is what a middleware does that knows http.ResponseController only.
type hiding struct{ http.ResponseWriter }

func (h hiding) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func TestAServersWriterKeepsItsAbilities(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			g := start(t, "")
			same := make(chan string, 1)
			compare := func(w, inner any) string {
				for _, i := range []any{new(http.Flusher), new(http.Hijacker), new(io.ReaderFrom), new(http.Pusher), new(io.StringWriter), new(interface{ FlushError() error })} {
					ability := reflect.TypeOf(i).Elem()
					if reflect.TypeOf(w).Implements(ability) != reflect.TypeOf(inner).Implements(ability) {
						return ability.String()
					}
				}
				return ""
			}
			s := httptest.NewUnstartedServer(g.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				same <- compare(w, w.(interface{ Unwrap() http.ResponseWriter }).Unwrap())
				c := http.NewResponseController(w)
				if err := errors.Join(c.SetReadDeadline(time.Now().Add(time.Minute)), c.SetWriteDeadline(time.Now().Add(time.Minute)), c.EnableFullDuplex(), c.Flush()); err != nil {
					t.Error(err)
				}
				if _, err := fmt.Fprint(w, r.Proto); err != nil {
					t.Error(err)
				}
			})))
			s.EnableHTTP2 = http2
			s.StartTLS()
			g.servers = append(g.servers, s)
			resp, body := get(t, s, "/a?b=c")
			if differs := <-same; differs != "" {
				t.Errorf("%s differs", differs)
			}
			e := g.one(t)
			if resp.Proto != body || (resp.ProtoMajor == 2) != http2 || string(e.Response.Body) == "" {
				t.Errorf("got %s %s %s", resp.Proto, body, e.Response.Body)
			}
			if want := s.URL + "/a?b=c"; e.Request.URI != want {
				t.Errorf("uri %s, want %s", e.Request.URI, want)
			}
		})
	}
}
