package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/sources"
)

const (
	sourcesRange = time.Hour
	maxIntervals = 240
)

// Sources tells who sent what, minute by minute.
type Sources interface {
	Minutes(ctx context.Context, app string, from, to time.Time) ([]sources.Minute, error)
}

// Arrivals is what came in, in items.
type Arrivals struct {
	Batches   int64    `json:"batches" doc:"Requests." example:"12"`
	Received  int64    `json:"received" doc:"Items that came in and were acknowledged." example:"2400"`
	Duplicate int64    `json:"duplicate" doc:"Items that had come in before." example:"0"`
	Rejected  int64    `json:"rejected" doc:"Items that were refused." example:"0"`
	Late      int64    `json:"late" doc:"Items that came more than 5 minutes after they happened." example:"3"`
	Ahead     int64    `json:"ahead" doc:"Items that came more than 5 minutes before they happened: the sender's clock is wrong." example:"0"`
	P50       *float64 `json:"delay_p50_s" doc:"Half of the items came at most this many seconds after they happened; a step of 0.1 s to a day. Null without items, or beyond a day." example:"2"`
	P95       *float64 `json:"delay_p95_s" doc:"The same for 95 %." example:"5"`
	P99       *float64 `json:"delay_p99_s" doc:"The same for 99 %." example:"5"`
}

func arrivalsOf(c sources.Counts) Arrivals {
	seconds := func(q float64) *float64 {
		end, ok := c.Delays.Quantile(q)
		if !ok {
			return nil
		}
		s := end.Seconds()
		return &s
	}
	return Arrivals{
		Batches: c.Batches, Received: c.Received, Duplicate: c.Duplicate, Rejected: c.Rejected, Late: c.Late, Ahead: c.Ahead,
		P50: seconds(0.5), P95: seconds(0.95), P99: seconds(0.99),
	}
}

// SourceInterval is what came in within an interval.
type SourceInterval struct {
	T time.Time `json:"t" doc:"Begin of the interval." example:"2026-11-22T10:00:00Z"`
	Arrivals
}

// Source is what came from one sender.
type Source struct {
	Source   string    `json:"source" doc:"What the gateway or SDK calls itself, with its version." example:"moesif-nodejs/3.1.2"`
	LastSeen time.Time `json:"last_seen" doc:"The last minute in which it sent something." example:"2026-11-22T10:59:00Z"`
	Arrivals
}

type sourcesAnswer struct {
	Body struct {
		Interval  int              `json:"interval_seconds" doc:"Length of an interval, in seconds." example:"60"`
		Intervals []SourceInterval `json:"intervals" nullable:"false" doc:"In the order of time; those in which nothing came in have zeros."`
		Sources   []Source         `json:"sources" nullable:"false" doc:"Who sent most comes first."`
	}
}

func (a *api) addSources() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-sources", Method: http.MethodGet, Path: "/api/v1/pipeline/sources", Tags: []string{"applications"},
		Metadata: needs(access.ReadApps), Errors: []int{401, 403, 404, 422, 503}, Summary: "Who sends what, and how late",
		Description: "By minute and by source, for a week; without a range the last hour. What a gateway had to drop is not on the wire: its own metrics tell.",
	}, func(ctx context.Context, r *Scope) (*sourcesAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		in, err := parseSpan(r.From, r.To, a.Clock(), sourcesRange)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		if in.to.Sub(in.from) > 8*24*time.Hour {
			return nil, unprocessable("query.from", "must be at most 8 days before to")
		}
		list, err := a.Sources.Minutes(ctx, app.ID, in.from, in.to)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		answer := &sourcesAnswer{}
		step := time.Minute
		for in.to.Sub(in.from)/step > maxIntervals {
			step *= 5
		}
		answer.Body.Interval = int(step / time.Second)
		answer.Body.Intervals = intervalsOf(list, in, step)
		answer.Body.Sources = sourcesOf(list)
		return answer, nil
	})
}

func intervalsOf(list []sources.Minute, in span, step time.Duration) []SourceInterval {
	sums := map[int64]sources.Counts{}
	for _, m := range list {
		at := m.At.Truncate(step).Unix()
		sums[at] = sums[at].Plus(m.Counts)
	}
	intervals := []SourceInterval{}
	for t := in.from.UTC().Truncate(step); t.Before(in.to); t = t.Add(step) {
		intervals = append(intervals, SourceInterval{T: t, Arrivals: arrivalsOf(sums[t.Unix()])})
	}
	return intervals
}

func sourcesOf(list []sources.Minute) []Source {
	sums := map[string]sources.Counts{}
	last := map[string]time.Time{}
	for _, m := range list {
		sums[m.Source] = sums[m.Source].Plus(m.Counts)
		last[m.Source] = m.At // in the order of time
	}
	rows := []Source{}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		rows = append(rows, Source{Source: name, LastSeen: last[name], Arrivals: arrivalsOf(sums[name])})
	}
	slices.SortStableFunc(rows, func(x, y Source) int { return cmp.Compare(y.Received, x.Received) })
	return rows
}
