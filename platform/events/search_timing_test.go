package events

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// searchedRows is how many events the scripts search; they span 30 days.
const searchedRows = 300_000

// BenchmarkSearch asks what scripts ask of Moesif's event search.
func BenchmarkSearch(b *testing.B) {
	s := open(b)
	rng := rand.New(rand.NewPCG(1, 1))
	f := Filter{App: benchmarkApp, From: noon.Add(-30 * day), To: noon}
	for i := 0; i < searchedRows; i += 20_000 {
		list := make([]wire.Event, 20_000)
		for k := range list {
			list[k] = randomEvent(rng, f.From.Add(30*day/searchedRows*time.Duration(i+k)))
		}
		loadNext(b, s, benchmarkApp, noon, list...)
	}
	lastDay := f
	lastDay.From = noon.Add(-day)
	named := func(name string) Field { return searchField(b, name) }
	of := func(name string, v ...any) Where { return OneOf{named(name), v} }
	calls := Agg{Name: "weight|sum", What: Sum, Field: named("weight")}
	p95 := func(field string) Agg {
		return Agg{Name: "p95", What: Percentiles, Field: named(field), Percents: []float64{95}}
	}
	terms := func(field string, sub ...Agg) Agg {
		return Agg{Name: "terms", What: Terms, Field: named(field), Size: 10, Sub: sub}
	}
	for name, q := range map[string]Search{
		"newest50":          {Filter: f, Limit: 50, Bodies: true},
		"company50":         {Filter: f, Limit: 50, Bodies: true, Where: of("company_id", "company-3")},
		"slowest50":         {Filter: f, Limit: 50, Sort: named("duration_ms")},
		"count/errors":      {Filter: f, Where: Within{Field: named("response.status"), From: 400}},
		"count/metadata":    {Filter: f, Where: of("metadata.gatemeter.identity", "claimed")},
		"count/header":      {Filter: f, Where: of("request.headers.User-Agent", "acme-sdk/1.4")},
		"count/header/none": {Filter: f, Where: of("request.headers.X-Plan", "gold")},
		"aggs/routes":       {Filter: f, Aggs: []Agg{terms("request.route", calls, p95("duration_ms"))}},
		"aggs/days":         {Filter: f, Aggs: []Agg{{Name: "days", What: Histogram, Field: named("request.time"), Every: Every{1, "day"}, Sub: []Agg{calls}}}},
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if _, err := s.Search(context.Background(), q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms")
		})
	}
}
