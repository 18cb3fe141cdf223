//go:build unix

package moesif

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

// discard is a collector that takes everything without a look.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody, Header: http.Header{}, Request: r}, err
}

// sink is a writer like the one of an HTTP/1.1 server, without the server.
type sink struct {
	hijcks
	header http.Header
}

func (s *sink) Header() http.Header                   { return s.header }
func (s *sink) Write(p []byte) (int, error)           { return len(p), nil }
func (s *sink) WriteString(p string) (int, error)     { return len(p), nil }
func (s *sink) WriteHeader(int)                       {}
func (s *sink) Flush()                                {}
func (s *sink) ReadFrom(src io.Reader) (int64, error) { return io.Copy(io.Discard, src) }

var answer = []byte(`{"id":42,"name":"a small order","lines":[{"sku":"a-1","quantity":2}],"total":"12.50"}`)

func trivial(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write(answer)
}

// typical is a request as a browser or a client library sends it.
func typical() *http.Request {
	r := httptest.NewRequest("GET", "/orders/42?expand=lines", nil)
	for name, value := range map[string]string{
		"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "Go-http-client/1.1", "X-User": "alice",
		"Authorization": bearer(`{"sub":"alice","org":"acme","exp":1764000000}`), "Cache-Control": "no-cache", "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	} {
		r.Header.Set(name, value)
	}
	return r
}

// BenchmarkCapture compares a trivial handler alone with the same handler under
// Capture: recorded only, and reported too, which is encoded, masked, compressed
// and pushed to a collector in memory by the same cores.
func BenchmarkCapture(b *testing.B) {
	run := func(b *testing.B, handler http.Handler) {
		r := typical()
		w := &sink{header: http.Header{}}
		b.ReportAllocs()
		before := cpu(b)
		for b.Loop() {
			clear(w.header)
			handler.ServeHTTP(w, r)
		}
		b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/request")
	}
	b.Run("off", func(b *testing.B) { run(b, http.HandlerFunc(trivial)) })
	// What the request's goroutine does: a closed queue takes nothing to encode.
	b.Run("record", func(b *testing.B) {
		g := start(b, "", func(o *Options) { o.Transport = discard{} })
		g.drain(b)
		run(b, g.Capture(http.HandlerFunc(trivial)))
	})
	b.Run("on", func(b *testing.B) {
		g := start(b, "", func(o *Options) { o.Transport = discard{} })
		run(b, g.Capture(http.HandlerFunc(trivial)))
		b.StopTimer()
		g.drain(b)
		b.ReportMetric(float64(g.Stats().Sent)/float64(b.N), "sent/request")
	})
}

// cpu is the processor time that the process has taken so far: beside other work
// it is steadier than the clock, and it counts what happens behind the request.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEvent is what one event costs on a worker, compression aside.
func BenchmarkEvent(b *testing.B) {
	for name, keys := range map[string]string{
		"plain":  `"default_masks": false`,
		"masked": `"request_body_masks": ["password"], "response_body_masks": ["sku"]`,
	} {
		b.Run(name, func(b *testing.B) {
			g := start(b, keys)
			it := new(item)
			x := &it.exchange
			x.begin(g.Integration, typical())
			x.answered(200, http.Header{"Content-Type": {"application/json"}})
			pass(&x.response, answer, 0)
			x.seal()
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = it.AppendEvent(dst[:0])
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

func TestCaptureAllocatesLittle(t *testing.T) {
	g := start(t, "", func(o *Options) { o.Transport = discard{} })
	count := func(handler http.Handler) float64 {
		r := typical()
		w := &sink{header: http.Header{}}
		return testing.AllocsPerRun(500, func() {
			clear(w.header)
			handler.ServeHTTP(w, r)
		})
	}
	// Encoding happens meanwhile, in the same process: a closed queue keeps it out.
	if err := g.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.closed = true
	off, on := count(http.HandlerFunc(trivial)), count(g.Capture(http.HandlerFunc(trivial)))
	// The record, what is needed in transit, the request with its context, two
	// snapshots of headers, the answer's body, and the closure's flag.
	if on-off > 7 {
		t.Errorf("%v allocations more than the handler's %v", on-off, off)
	}
}
