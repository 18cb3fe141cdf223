package events

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// benchmarkRows is how many events the questions are asked about; they span 30 days.
const benchmarkRows = 1_000_000

const benchmarkApp = "app"

func randomEvent(rng *rand.Rand, at time.Time) wire.Event {
	company := int(rng.ExpFloat64() * 40)
	status := 200
	if rng.IntN(20) == 0 {
		status = []int{400, 401, 404, 429, 500}[rng.IntN(5)]
	}
	routes := []string{"orders", "users", "invoices", "search", "quotes"}
	route := routes[rng.IntN(len(routes))]
	id := fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", at.UnixMilli()>>16, at.UnixMilli()&0xffff, rng.IntN(4096), rng.IntN(4096), rng.Uint64()>>16)
	return wire.Event{
		TransactionID: id,
		UserID:        fmt.Sprintf("user-%d", company*10+rng.IntN(10)),
		CompanyID:     fmt.Sprintf("company-%d", company),
		Direction:     "Incoming",
		Weight:        1,
		Metadata:      []byte(`{"gatemeter":{"route":"/` + route + `/{id}","identity":"claimed"}}`),
		Request: wire.Request{
			Time: at, Verb: "GET", URI: fmt.Sprintf("https://api.example.com/%s/%d?expand=lines", route, rng.IntN(1_000_000)),
			Headers:       wire.Headers{{Name: "User-Agent", Value: "acme-sdk/1.4"}, {Name: "Accept", Value: "application/json"}, {Name: "X-Request-Id", Value: id[:18]}},
			IPAddress:     fmt.Sprintf("10.%d.%d.%d", rng.IntN(256), rng.IntN(256), rng.IntN(256)),
			ContentLength: -1,
		},
		Response: &wire.Response{
			Time: at.Add(time.Duration(rng.ExpFloat64()*50_000) * time.Microsecond), Status: status,
			Headers:       wire.Headers{{Name: "Content-Type", Value: "application/json"}},
			Body:          fmt.Appendf(nil, `{"id":%d,"total":%d,"note":"%x"}`, rng.IntN(1_000_000), rng.IntN(100_000), rng.Uint64()),
			ContentLength: 60,
		},
	}
}

// BenchmarkQuestions asks what the console asks, of a million events.
func BenchmarkQuestions(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "events.duckdb"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	rng := rand.New(rand.NewPCG(1, 1))
	from := noon.Add(-30 * day)
	step := 30 * day / benchmarkRows
	for i := 0; i < benchmarkRows; i += 20_000 {
		events := make([]wire.Event, 20_000)
		for k := range events {
			events[k] = randomEvent(rng, from.Add(time.Duration(i+k)*step))
		}
		loadNext(b, s, benchmarkApp, noon, events...)
	}
	f := Filter{App: benchmarkApp, From: from, To: noon}
	user, company, lastDay, failures, text := f, f, f, f, f
	user.UserID, company.CompanyID, failures.Errors, text.Text = "user-57", "company-3", true, "orders/7777"
	lastDay.From = noon.Add(-day)
	old, _, err := s.List(context.Background(), company, Page{Limit: 1000})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	list := func(f Filter, p Page) func() error {
		return func() error { _, _, err := s.List(ctx, f, p); return err }
	}
	analyse := func(f Filter, groups ...string) func() error {
		a := Analysis{App: f.App, From: f.From, To: f.To, Groups: groups, Metrics: []Metric{{Kind: "count"}, {Kind: "error_rate"}, {Kind: "p95"}}}
		return func() error { _, err := s.Analyse(ctx, a); return err }
	}
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"List/newest50", list(f, Page{Limit: 50, Bodies: true})},
		{"List/newest1000", list(f, Page{Limit: 1000, Bodies: true})},
		{"List/user50", list(user, Page{Limit: 50, Bodies: true})},
		{"List/company50", list(company, Page{Limit: 50, Bodies: true})},
		{"List/errors50", list(failures, Page{Limit: 50})},
		{"List/text50", list(text, Page{Limit: 50})},
		{"List/company50/deep", list(company, Page{Limit: 50, Cursor: cursorAt(&old[len(old)-1])})},
		{"Get", func() error { _, err := s.Get(ctx, benchmarkApp, old[500].TransactionID); return err }},
		{"Top/company", func() error { _, err := s.Top(ctx, f, ByCompany, 10); return err }},
		{"Top/route", func() error { _, err := s.Top(ctx, f, ByRoute, 10); return err }},
		{"Top/route/user", func() error { _, err := s.Top(ctx, user, ByRoute, 10); return err }},
		{"Series/total", func() error { _, err := s.Series(ctx, f, ByTotal, 0, 0); return err }},
		{"Series/company", func() error { _, err := s.Series(ctx, f, ByCompany, 0, 0); return err }},
		{"Series/company/lastDay", func() error { _, err := s.Series(ctx, lastDay, ByCompany, 0, 0); return err }},
		{"Customers/company", func() error { _, err := s.Customers(ctx, f, ByCompany); return err }},
		{"Customers/user", func() error { _, err := s.Customers(ctx, f, ByUser); return err }},
		{"Books", func() error { _, err := s.Books(ctx); return err }},
		{"Analyse/rollups/company", analyse(f, "company_id")},
		{"Analyse/calls/host,verb", analyse(f, "host", "verb")},
		{"Analyse/header", analyse(f, "request.headers.Content-Type")},
		{"Analyse/body", analyse(f, "request.body.sku")},
		{"Analyse/body/lastDay", analyse(lastDay, "request.body.sku")},
		{"Funnel/first", func() error {
			_, err := s.Funnel(ctx, Funnel{App: benchmarkApp, From: f.From, To: f.To, By: ByUser, Start: StartFirst, Within: 7 * day, Steps: []Step{{}, {Filters: []FieldFilter{{"failed", "is", []string{"false"}}}}}})
			return err
		}},
		{"Retention", func() error {
			_, err := s.Retention(ctx, Retention{App: benchmarkApp, To: f.To, By: ByUser, Weeks: 8})
			return err
		}},
	} {
		b.Run(q.name, func(b *testing.B) {
			for range b.N {
				if err := q.ask(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms")
		})
	}
}
