package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
)

// usageRange is how far back questions about usage go by themselves.
const usageRange = 24 * time.Hour

// Latency is how long calls took.
type Latency struct {
	P50 *float64 `json:"p50_ms" doc:"Half of the calls took at most this long, in milliseconds; null without calls." example:"12.4"`
	P95 *float64 `json:"p95_ms" doc:"95 % of the calls took at most this long, in milliseconds; null without calls." example:"81"`
	P99 *float64 `json:"p99_ms" doc:"99 % of the calls took at most this long, in milliseconds; null without calls." example:"230.5"`
}

func latencyOf(l events.Latency) Latency { return Latency{P50: l.P50, P95: l.P95, P99: l.P99} }

// Point is usage within one interval.
type Point struct {
	T      time.Time `json:"t" doc:"Begin of the interval." example:"2026-11-22T10:00:00Z"`
	Calls  int64     `json:"calls" doc:"Calls." example:"120"`
	Errors int64     `json:"errors" doc:"Calls that failed: a status of 400 and above, or no answer." example:"3"`
	Latency
}

// Group is one line of a series.
type Group struct {
	Key    string  `json:"key" doc:"What the calls have in common; empty where they had none, (others) for the groups beyond those asked for." example:"acme"`
	Calls  int64   `json:"calls" doc:"Calls of the whole range." example:"8400"`
	Points []Point `json:"points" nullable:"false" doc:"One for every interval, also for those without calls."`
}

// Row is usage by something.
type Row struct {
	Key string `json:"key" doc:"What the calls have in common; empty where they had none." example:"acme"`
	Total
}

// Total is usage within a range.
type Total struct {
	Calls     int64   `json:"calls" doc:"Calls." example:"8400"`
	Errors    int64   `json:"errors" doc:"Calls that failed: a status of 400 and above, or no answer." example:"42"`
	ErrorRate float64 `json:"error_rate" doc:"Share of the calls that failed, 0 to 1." example:"0.005"`
	Latency
	LastSeen *time.Time `json:"last_seen" doc:"The last call; null without calls." example:"2026-11-22T10:00:00.123456Z"`
}

func totalOf(r events.Row) Total {
	return Total{
		Calls: r.Calls, Errors: r.Errors, ErrorRate: rate(r.Errors, r.Calls),
		Latency: latencyOf(r.Latency), LastSeen: timeOrNull(r.LastSeen),
	}
}

func rate(errors, calls int64) float64 {
	if calls == 0 {
		return 0
	}
	return float64(errors) / float64(calls)
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type seriesRequest struct {
	Scope
	Which
	By       string `query:"by" enum:"user,company,route,status,verb" doc:"What to group by; without it there is one group with an empty key." example:"company"`
	Interval string `query:"interval" maxLength:"16" doc:"Length of the intervals: 30s, 5m, 1h, 1d. Without it one is chosen that gives about 60 to 120 points." example:"15m"`
	Groups   int    `query:"groups" minimum:"1" maximum:"50" default:"8" doc:"How many groups to return; the calls of all others are summed up." example:"8"`
}

type seriesAnswer struct {
	Body struct {
		From            time.Time `json:"from" doc:"Begin of the range." example:"2026-11-21T10:00:00Z"`
		To              time.Time `json:"to" doc:"End of the range." example:"2026-11-22T10:00:00Z"`
		IntervalSeconds int64     `json:"interval_seconds" doc:"Length of an interval in seconds." example:"900"`
		Groups          []Group   `json:"groups" nullable:"false" doc:"Most calls first."`
	}
}

type topRequest struct {
	Scope
	Which
	By    string `query:"by" enum:"user,company,route,status,verb" doc:"What to group by; without it there is one row with an empty key." example:"company"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"20" doc:"How many rows to return at most." example:"20"`
}

type topAnswer struct {
	Body struct {
		From  time.Time `json:"from" doc:"Begin of the range." example:"2026-11-21T10:00:00Z"`
		To    time.Time `json:"to" doc:"End of the range." example:"2026-11-22T10:00:00Z"`
		By    string    `json:"by" doc:"What the rows are grouped by." example:"company"`
		Total Total     `json:"total" doc:"All calls, also those of rows that are not returned."`
		Rows  []Row     `json:"rows" nullable:"false" doc:"Most calls first."`
	}
}

func (a *api) addUsage() {
	tags := []string{"usage"}
	errs := []int{401, 404, 422, 503, 504}
	huma.Register(a.huma, huma.Operation{
		OperationID: "usage-series", Method: http.MethodGet, Path: "/api/v1/usage/series", Tags: tags, Metadata: needs(access.ReadEvents), Errors: errs,
		Summary: "Usage over time", Description: "Of the last 24 hours unless said otherwise.",
	}, func(ctx context.Context, r *seriesRequest) (*seriesAnswer, error) {
		answer, err := a.series(ctx, r)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return answer, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "usage-top", Method: http.MethodGet, Path: "/api/v1/usage/top", Tags: tags, Metadata: needs(access.ReadEvents), Errors: errs,
		Summary: "Usage by user, company, route, status or method", Description: "Of the last 24 hours unless said otherwise.",
	}, func(ctx context.Context, r *topRequest) (*topAnswer, error) {
		f, err := a.filter(r.Scope, r.Which, usageRange)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		table, err := a.Events.Top(ctx, f, r.By, r.Limit)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		answer := &topAnswer{}
		answer.Body.From, answer.Body.To, answer.Body.By = f.From, f.To, r.By
		answer.Body.Total = totalOf(table.Total)
		answer.Body.Rows = make([]Row, len(table.Rows))
		for i, row := range table.Rows {
			answer.Body.Rows[i] = Row{Key: row.Key, Total: totalOf(row)}
		}
		return answer, nil
	})
}

func (a *api) series(ctx context.Context, r *seriesRequest) (*seriesAnswer, error) {
	f, err := a.filter(r.Scope, r.Which, usageRange)
	if err != nil {
		return nil, err
	}
	interval, err := parseDuration(r.Interval)
	if err != nil {
		return nil, unprocessable("query.interval", err.Error())
	}
	s, err := a.Events.Series(ctx, f, r.By, interval, r.Groups)
	if err != nil {
		return nil, err
	}
	answer := &seriesAnswer{}
	answer.Body.From, answer.Body.To, answer.Body.IntervalSeconds = s.From, s.To, int64(s.Interval/time.Second)
	answer.Body.Groups = make([]Group, len(s.Groups))
	for i, g := range s.Groups {
		points := make([]Point, len(g.Points))
		for j, p := range g.Points {
			points[j] = Point{T: p.Time, Calls: p.Calls, Errors: p.Errors, Latency: latencyOf(p.Latency)}
		}
		answer.Body.Groups[i] = Group{Key: g.Key, Calls: g.Calls, Points: points}
	}
	return answer, nil
}
