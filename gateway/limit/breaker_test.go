package limit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// backend answers calls as it is told, and counts them.
type backend struct {
	status int
	header http.Header
	err    error
	calls  int
}

// RoundTrip implements http.RoundTripper.
func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	b.calls++
	if b.err != nil {
		return nil, b.err
	}
	return &http.Response{StatusCode: b.status, Header: b.header, Body: http.NoBody, Request: r}, nil
}

func get(t *testing.T, rt http.RoundTripper) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://b/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}

func breakerOf(c config.Breaker, b config.Backend, next http.RoundTripper) http.RoundTripper {
	return NewBreaker(&c, &b, next, &Options{Logger: slog.New(slog.DiscardHandler)})
}

var twoErrors = config.Breaker{MaxErrors: 2, Timeout: 10 * time.Second}

// opensAfter counts the failing calls that reach the backend until none does; -1 when
// the breaker never opens.
func opensAfter(t *testing.T, rt http.RoundTripper, b *backend) int {
	t.Helper()
	b.calls = 0
	for i := range 20 {
		_, err := get(t, rt)
		if errors.Is(err, gobreaker.ErrOpenState) {
			return i
		}
	}
	if b.calls != 20 {
		t.Errorf("the backend has %d calls of 20", b.calls)
	}
	return -1
}

// What counts as a failure (KrakenD v3, 9.10).
func TestBreakerOpensAfterTheThirdFailureOfTwoItBears(t *testing.T) {
	const never = -1
	for _, tt := range []struct {
		name   string
		of     config.Backend
		fails  backend
		opened int
	}{
		{"an error of the transport", config.Backend{Encoding: "json"}, backend{err: io.ErrUnexpectedEOF}, 3},
		{"the limit of the backend", config.Backend{Encoding: "json"}, backend{err: ErrRate}, 3},
		{"500", config.Backend{Encoding: "json"}, backend{status: 500}, 3},
		{"404", config.Backend{Encoding: "string"}, backend{status: 404}, 3},
		{"204, a failure to a decoder", config.Backend{Encoding: "json"}, backend{status: 204}, 3},
		{"a redirect to nowhere", config.Backend{Encoding: "json"}, backend{status: 302}, 3},
		{"500 with return_error_code", config.Backend{Encoding: "json", ReturnErrorCode: true}, backend{status: 500}, 3},
		{"500 with return_error_details", config.Backend{Encoding: "json", ErrorDetails: "b"}, backend{status: 500}, never},
		{"an error with return_error_details", config.Backend{Encoding: "json", ErrorDetails: "b"}, backend{err: io.EOF}, 3},
		{"500 in no-op", config.Backend{Encoding: "no-op"}, backend{status: 500}, never},
		{"an error in no-op", config.Backend{Encoding: "no-op"}, backend{err: io.EOF}, 3},
		{"201", config.Backend{Encoding: "json"}, backend{status: 201}, never},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := opensAfter(t, breakerOf(twoErrors, tt.of, &tt.fails), &tt.fails); got != tt.opened {
				t.Errorf("opens after %d failures, want %d", got, tt.opened)
			}
		})
	}
}

func TestASuccessBetweenFailuresKeepsABreakerClosed(t *testing.T) {
	b := &backend{}
	rt := breakerOf(twoErrors, config.Backend{Encoding: "json"}, b)
	for i, status := range []int{500, 500, 200, 500, 500, 200, 500, 500} {
		b.status = status
		if got, err := get(t, rt); got != status || err != nil {
			t.Fatalf("call %d: %d, %v", i, got, err)
		}
	}
}

func TestAnOpenBreakerTriesOneCallAfterItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{status: 500}
		rt := breakerOf(twoErrors, config.Backend{Encoding: "json"}, b)
		if n := opensAfter(t, rt, b); n != 3 {
			t.Fatalf("open after %d", n)
		}
		sleep(10*time.Second - 1)
		if _, err := get(t, rt); !errors.Is(err, gobreaker.ErrOpenState) {
			t.Errorf("before the timeout: %v", err)
		}
		sleep(time.Second)
		if status, err := get(t, rt); status != 500 || err != nil {
			t.Errorf("the probe: %d, %v", status, err)
		}
		if _, err := get(t, rt); !errors.Is(err, gobreaker.ErrOpenState) {
			t.Errorf("after a failed probe: %v", err)
		}
		sleep(11 * time.Second)
		b.status = 200
		for range 5 {
			if status, err := get(t, rt); status != 200 || err != nil {
				t.Errorf("after a probe that succeeded: %d, %v", status, err)
			}
		}
	})
}

// sleep lets time pass in a bubble.
func sleep(d time.Duration) { <-time.After(d) }

func TestOnlyOneProbeIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{status: 500}
		slow := tripper(func(r *http.Request) (*http.Response, error) {
			if b.status == 200 {
				sleep(time.Second)
			}
			return b.RoundTrip(r)
		})
		rt := breakerOf(twoErrors, config.Backend{Encoding: "json"}, slow)
		opensAfter(t, rt, b)
		sleep(11 * time.Second)
		b.status = 200
		first := make(chan error)
		go func() { _, err := get(t, rt); first <- err }()
		synctest.Wait()
		if _, err := get(t, rt); !errors.Is(err, gobreaker.ErrTooManyRequests) {
			t.Errorf("beside the probe: %v", err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

type tripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestIntervalForgetsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{status: 500}
		rt := breakerOf(config.Breaker{MaxErrors: 2, Timeout: time.Minute, Interval: 5 * time.Second}, config.Backend{Encoding: "json"}, b)
		for range 10 {
			for range 2 {
				if status, err := get(t, rt); status != 500 || err != nil {
					t.Fatalf("%d, %v", status, err)
				}
			}
			sleep(6 * time.Second)
		}
	})
}

// A client that goes away says nothing about the backend; a timeout does, also in
// no-op, whose context ends with it as its cause.
func TestCallsTheirClientGaveUpAreNotCounted(t *testing.T) {
	for _, tt := range []struct {
		cause error
		want  int
	}{{context.Canceled, -1}, {nil, -1}, {context.DeadlineExceeded, 3}} {
		b := &backend{}
		rt := breakerOf(twoErrors, config.Backend{Encoding: "no-op"}, tripper(func(r *http.Request) (*http.Response, error) {
			b.calls++
			return nil, r.Context().Err()
		}))
		ended := tripper(func(r *http.Request) (*http.Response, error) {
			ctx, end := context.WithCancelCause(r.Context())
			end(tt.cause)
			return rt.RoundTrip(r.WithContext(ctx))
		})
		if got := opensAfter(t, ended, b); got != tt.want {
			t.Errorf("%v: opens after %d, want %d", tt.cause, got, tt.want)
		}
	}
}

// The answer a redirect leads to counts, not the redirect.
func TestRedirectsDoNotHideFailures(t *testing.T) {
	calls := 0
	rt := breakerOf(twoErrors, config.Backend{Encoding: "json"}, tripper(func(r *http.Request) (*http.Response, error) {
		calls++
		if r.URL.Path == "/" {
			return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"/end"}}, Body: http.NoBody, Request: r}, nil
		}
		return &http.Response{StatusCode: 500, Body: http.NoBody, Request: r}, nil
	}))
	client := http.Client{Transport: rt}
	for i := range 5 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://b/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Do(r)
		if open := errors.Is(err, gobreaker.ErrOpenState); open != (i >= 3) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if calls != 6 {
		t.Errorf("%d calls are made, want three and the three they lead to", calls)
	}
}

func TestARefusedCallClosesItsBody(t *testing.T) {
	b := &backend{err: io.EOF}
	rt := breakerOf(config.Breaker{Timeout: time.Minute}, config.Backend{}, b)
	if _, err := get(t, rt); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	body := &closing{Reader: strings.NewReader("x")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://b/", body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.RoundTrip(r); !errors.Is(err, gobreaker.ErrOpenState) || !body.closed {
		t.Errorf("%v, body closed: %v", err, body.closed)
	}
}

type closing struct {
	io.Reader
	closed bool
}

// Close implements io.Closer.
func (c *closing) Close() error { c.closed = true; return nil }

func TestChangesAreLoggedWhereAsked(t *testing.T) {
	for _, tt := range []struct {
		breaker config.Breaker
		want    string
	}{
		{config.Breaker{Timeout: time.Minute, LogStatusChange: true, Name: "shop"}, `level=WARN msg="circuit breaker changes" name=shop from=closed to=open`},
		{config.Breaker{Timeout: time.Minute, LogStatusChange: true}, `level=WARN msg="circuit breaker changes" name="GET /x" from=closed to=open`},
		{config.Breaker{Timeout: time.Minute}, ``},
	} {
		var log bytes.Buffer
		noTime := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		o := &Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: noTime}))}
		rt := NewBreaker(&tt.breaker, &config.Backend{Method: "GET", URLPattern: "/x"}, &backend{err: io.EOF}, o)
		_, _ = get(t, rt) // fails
		if got := strings.TrimSpace(log.String()); got != tt.want {
			t.Errorf("%+v: log is %s", tt.breaker, got)
		}
	}
}
