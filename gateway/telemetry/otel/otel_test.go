package otel

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCollectorThatIsAwayIsLoggedOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	o := newOutlet(t.Context(), &config.OTLP{Name: "tempo", Host: "::1", Port: 4317}, "traces", slog.New(slog.NewTextHandler(&log, nil)))
	at := time.Unix(1e9, 0)
	o.now = func() time.Time { return at }
	fail := func() {
		o.send(t.Context(), func(context.Context) error { return errors.New("refused") })
	}
	for range 60 {
		fail()
		at = at.Add(time.Second)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines in a minute:\n%s", n, log.String())
	}
	log.Reset()
	fail()
	for _, want := range []string{"exporter=tempo", "collector=[::1]:4317", "of=traces", "failures=60", "error=refused"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
}

// A collector that takes connections and never answers holds up neither requests nor,
// beyond what it is given, the end.
func TestSilentCollectorHoldsUpNobody(t *testing.T) {
	for name, overHTTP := range map[string]bool{"HTTP": true, "gRPC": false} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }() // connections wait in its backlog
			telemetry, err := New(&config.OpenTelemetry{
				Name: "shop", SampleRate: 1, Global: config.Layer{Metrics: true, Traces: true},
				OTLP: []config.OTLP{{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, HTTP: overHTTP, Traces: true, Metrics: true, Every: time.Hour}},
			}, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for range 10_000 { // more than a queue has room for
				telemetry.End(telemetry.Begin(httptest.NewRequest("GET", "/", nil)), 200, false)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			telemetry.Close(ctx)
			if took := time.Since(began); took > sendTimeout/2 {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestPathsAreSkippedWithWhatIsBelowASlash(t *testing.T) {
	telemetry := &Telemetry{skipPaths: []string{"/__health", "/__debug/", "/"}}
	for path, want := range map[string]bool{
		"/__health": true, "/__healthy": false, "/__health/x": false,
		"/__debug": true, "/__debug/": true, "/__debug/x": true, "/__debugger": false,
		"/": true, "/a": false,
	} {
		if got := telemetry.skips(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestNobodyToTellLeavesTheTransportAlone(t *testing.T) {
	var nobody *Telemetry
	if got := nobody.Calls(nil, http.DefaultTransport); got != http.DefaultTransport {
		t.Errorf("got %v", got)
	}
	nobody.Close(t.Context())
}

func TestErrorsAreNamedByTheirKind(t *testing.T) {
	ended, end := context.WithCancelCause(t.Context())
	end(context.DeadlineExceeded)
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{t.Context(), &net.OpError{Err: errors.New("http://user:secret@host")}, "*net.OpError"},
		{t.Context(), context.Canceled, "canceled"},
		{ended, context.Canceled, "timeout"},
	} {
		if got := kind(c.ctx, c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
