//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/bench/traffic"
)

// asked is a question to the console's API, with what varies from one time to
// the next.
type asked struct {
	name   string
	path   string
	bound  float64 // ms
	varies func(a *asking) url.Values
}

// asking is what questions vary with.
type asking struct {
	*rand.Rand
	newest time.Time        // of all events
	calls  *traffic.Traffic // the same that were sent
	seldom []string         // users with 50 to 120 calls
}

// month is the range of the questions, not on the hour.
func (a *asking) month(more ...string) url.Values {
	end := a.newest.Add(-time.Duration(a.IntN(3600)) * time.Second).UTC()
	v := url.Values{"from": {end.Add(-past).Format(time.RFC3339)}, "to": {end.Format(time.RFC3339)}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// customer is who made a call.
func (a *asking) customer() string { return a.calls.Event(a.newest).UserID }

// seldomCustomer calls a few times a day.
func (a *asking) seldomCustomer() string { return a.seldom[a.IntN(len(a.seldom))] }

// The dashboard's questions. Only the events can answer those about both a
// customer and a kind of call.
var dashboard = []asked{
	{"top companies, from rollups, p95", "/api/v1/usage/top", 300, func(a *asking) url.Values { return a.month("by", "company") }},
	{"series by route, from rollups, p95", "/api/v1/usage/series", 300, func(a *asking) url.Values { return a.month("by", "route") }},
	{"p99 by status, from rollups, p95", "/api/v1/usage/top", 300, func(a *asking) url.Values { return a.month("by", "status") }},
	{"companies with their unique users, from rollups, p95", "/api/v1/companies", 300, func(a *asking) url.Values { return a.month() }},
	{"top companies of GET, from events, p95", "/api/v1/usage/top", 1500, func(a *asking) url.Values { return a.month("by", "company", "verb", "GET") }},
	{"series by company of GET, from events, p95", "/api/v1/usage/series", 1500, func(a *asking) url.Values {
		return a.month("by", "company", "verb", "GET")
	}},
	{"p99 by status of a company, from events, p95", "/api/v1/usage/top", 1500, func(a *asking) url.Values {
		return a.month("by", "status", "company_id", fmt.Sprintf("com_%03d", a.IntN(20)))
	}},
	{"last 50 calls of a customer, as the console lists them, p95", "/api/v1/events", 50, func(a *asking) url.Values {
		return url.Values{"user_id": {a.customer()}, "limit": {"50"}, "brief": {"true"}}
	}},
	{"last 50 calls of a customer who calls a few times a day, as the console lists them, p95", "/api/v1/events", 50, func(a *asking) url.Values {
		return url.Values{"user_id": {a.seldomCustomer()}, "limit": {"50"}, "brief": {"true"}}
	}},
	{"last 50 calls of a customer, headers and bodies included, p95", "/api/v1/events", 50, func(a *asking) url.Values {
		return url.Values{"user_id": {a.customer()}, "limit": {"50"}, "bodies": {"true"}}
	}},
	{"last 50 calls of a route with a status, p95", "/api/v1/events", 50, func(a *asking) url.Values {
		return url.Values{"route": {"/v2/webhooks"}, "status": {[]string{"404", "429", "500", "502"}[a.IntN(4)]}, "limit": {"50"}}
	}},
}

// askPlatform asks everything in turn.
func (b *bench) askPlatform(ctx context.Context, p *platform) ([]row, error) {
	file, err := os.Stat(filepath.Join(p.dir, "events.duckdb"))
	if err != nil {
		return nil, err
	}
	stored, err := p.stored(ctx)
	if err != nil {
		return nil, err
	}
	rows := []row{atMost("disk for an event of 1.2 KB, bodies and rollups included", float64(file.Size())/float64(stored), 250, "%.0f bytes",
		fmt.Sprintf("%d events", stored))}
	a := &asking{Rand: rand.New(rand.NewPCG(5, 5)), calls: traffic.New(poolSeed)} // #nosec G404 -- not a secret
	if a.newest, err = p.newest(ctx); err != nil {
		return rows, err
	}
	if a.seldom, err = p.seldom(ctx, a.month()); err != nil {
		return rows, err
	}
	times, err := a.rounds(ctx, p, b.store.asks)
	for i, q := range dashboard {
		slices.Sort(times[i])
		rows = append(rows, atMost(q.name, quantile(times[i], 0.95)/1000, q.bound, "%.0f ms",
			"p50 "+strconv.FormatFloat(quantile(times[i], 0.5)/1000, 'f', 0, 64)+" ms, "+strconv.Itoa(len(times[i]))+" times"))
	}
	return rows, err
}

// rounds asks every question so many times, in turn, after a round that reads
// from the disk and does not count. After an error it returns what there is.
func (a *asking) rounds(ctx context.Context, p *platform, rounds int) ([][]time.Duration, error) {
	times := make([][]time.Duration, len(dashboard))
	for round := range rounds + 1 {
		for i, q := range dashboard {
			var answer json.RawMessage
			query := q.varies(a)
			began := time.Now()
			if err := p.ask(ctx, q.path, query, &answer); err != nil {
				return times, err
			}
			if round > 0 {
				times[i] = append(times[i], time.Since(began))
			}
		}
	}
	return times, nil
}

// seldom returns the users with 50 to 120 calls.
func (p *platform) seldom(ctx context.Context, within url.Values) (users []string, err error) {
	within.Set("limit", "1000")
	for next := true; next; {
		var answer struct {
			Users []struct {
				ID    string `json:"user_id"`
				Calls int64  `json:"calls"`
			} `json:"users"`
			Next string `json:"next"`
		}
		if err := p.ask(ctx, "/api/v1/users", within, &answer); err != nil {
			return nil, err
		}
		next = answer.Next != ""
		within.Set("cursor", answer.Next)
		for _, u := range answer.Users {
			if u.Calls >= 50 && u.Calls <= 120 {
				users = append(users, u.ID)
			}
		}
	}
	if len(users) == 0 {
		return nil, errors.New("no user has 50 to 120 calls")
	}
	return users, nil
}

// newest is the time of the last call.
func (p *platform) newest(ctx context.Context) (time.Time, error) {
	var answer struct {
		Events []struct {
			Request struct {
				Time time.Time `json:"time"`
			} `json:"request"`
		} `json:"events"`
	}
	if err := p.ask(ctx, "/api/v1/events", url.Values{"limit": {"1"}}, &answer); err != nil {
		return time.Time{}, err
	}
	if len(answer.Events) == 0 {
		return time.Time{}, errors.New("there are no events")
	}
	return answer.Events[0].Request.Time, nil
}
