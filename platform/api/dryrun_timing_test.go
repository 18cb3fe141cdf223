package api

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkDryRunOfAMillionCalls shows how far a dry run gets, and how fast: of a
// rule that looks at the path, at a header, and at the body.
func BenchmarkDryRunOfAMillionCalls(b *testing.B) {
	g := openGovernance(b)
	s, err := events.Open(filepath.Join(b.TempDir(), "events.duckdb"), events.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	app := g.options.Gate.Applications()[0].ID
	now := time.Now()
	const blocks, each = 100, 10_000
	for block := range blocks {
		list := make([]wire.Event, each)
		for i := range list {
			n := block*each + i
			list[i] = wire.Event{
				TransactionID: fmt.Sprintf("%032x", n), UserID: fmt.Sprint("user-", n%5000), CompanyID: fmt.Sprint("company-", n%400),
				Request: wire.Request{
					Time: now.Add(-time.Duration(blocks*each-n) * 500 * time.Millisecond), URI: fmt.Sprintf("https://api.test/orders/%d", n), Verb: "POST",
					Headers:       wire.Headers{{Name: "Accept", Value: "application/json"}, {Name: "User-Agent", Value: "sdk/1.2.3"}, {Name: "X-Version", Value: fmt.Sprint(n % 7)}},
					Body:          []byte(fmt.Sprintf(`{"plan":"p%d","text":"%s"}`, n%9, strings.Repeat("x", n%600))),
					ContentLength: int64(20 + n%600),
				},
			}
		}
		if err := s.Load(b.Context(), 0, []events.Block{{Seq: uint64(block + 1), App: app, ReceivedAt: now, Events: list}}); err != nil {
			b.Fatal(err)
		}
	}
	g.options.Events = s
	g.options.Metrics = prometheus.NewRegistry()
	g.handler = New(g.options)
	for name, path := range map[string]string{"path": "request.route", "header": "request.headers.X-Version", "body": "request.body.plan"} {
		b.Run(name, func(b *testing.B) {
			var looked float64
			for b.Loop() {
				got := g.expect(200, "POST", "/rules/dry-run?from=-30d", `{"name":"n","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"`+path+`","value":"3$"}]}]}`)
				looked += got["looked"].(float64)
			}
			b.ReportMetric(looked/b.Elapsed().Seconds(), "calls/s")
			b.ReportMetric(looked/float64(b.N), "calls")
		})
	}
}
