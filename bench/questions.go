//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// asked is a question to the console's API, with what varies from one time to
// the next.
type asked struct {
	name   string
	path   string
	bound  float64 // ms
	varies func(r *rand.Rand) url.Values
}

// month is the range of the questions, not on the hour.
func month(r *rand.Rand, more ...string) url.Values {
	now := time.Now().Add(-time.Duration(r.IntN(3600)) * time.Second)
	v := url.Values{"from": {now.Add(-28 * 24 * time.Hour).UTC().Format(time.RFC3339)}, "to": {now.UTC().Format(time.RFC3339)}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// What only the events can answer: a kind of call of a customer.
func monthOfPosts(r *rand.Rand, more ...string) url.Values {
	return month(r, append(more, "verb", "POST")...)
}

func customer(r *rand.Rand) string {
	return fmt.Sprintf("usr_%03d_%04d", r.IntN(380), r.IntN(25))
}

var dashboard = []asked{
	{"top companies, from rollups, p95", "/api/v1/usage/top", 300, func(r *rand.Rand) url.Values { return month(r, "by", "company") }},
	{"series by route, from rollups, p95", "/api/v1/usage/series", 300, func(r *rand.Rand) url.Values { return month(r, "by", "route") }},
	{"p99 by status, from rollups, p95", "/api/v1/usage/top", 300, func(r *rand.Rand) url.Values { return month(r, "by", "status") }},
	{"companies with their unique users, from rollups, p95", "/api/v1/companies", 300, func(r *rand.Rand) url.Values { return month(r) }},
	{"top companies, from events, p95", "/api/v1/usage/top", 1500, func(r *rand.Rand) url.Values { return monthOfPosts(r, "by", "company") }},
	{"series by route, from events, p95", "/api/v1/usage/series", 1500, func(r *rand.Rand) url.Values { return month(r, "by", "route", "q", "/v2/") }},
	{"p99 by status, from events, p95", "/api/v1/usage/top", 1500, func(r *rand.Rand) url.Values {
		return month(r, "by", "status", "company_id", fmt.Sprintf("com_%03d", r.IntN(20)))
	}},
	{"last 50 calls of a customer, p95", "/api/v1/events", 50, func(r *rand.Rand) url.Values {
		return url.Values{"user_id": {customer(r)}, "limit": {"50"}}
	}},
	{"last 50 calls of a customer, bodies included, p95", "/api/v1/events", 50, func(r *rand.Rand) url.Values {
		return url.Values{"user_id": {customer(r)}, "limit": {"50"}, "bodies": {"true"}}
	}},
	{"last 50 calls of a route with a status, p95", "/api/v1/events", 50, func(r *rand.Rand) url.Values {
		return url.Values{"route": {"/v2/webhooks"}, "status": {[]string{"404", "429", "500", "502"}[r.IntN(4)]}, "limit": {"50"}}
	}},
}

// askPlatform starts the platform anew and asks everything in turn.
func (b *bench) askPlatform(ctx context.Context, h *house, p *platform) ([]row, error) {
	if err := p.end(); err != nil {
		return nil, err
	}
	file, err := os.Stat(filepath.Join(p.dir, "events.duckdb"))
	if err != nil {
		return nil, err
	}
	if p, err = h.platform(ctx, p.dir); err != nil {
		return nil, err
	}
	stored, err := p.stored(ctx)
	if err != nil {
		return nil, err
	}
	rows := []row{atMost("disk for an event of 1.2 KB, bodies and rollups included", float64(file.Size())/float64(stored), 250, "%.0f bytes",
		fmt.Sprintf("%d events", stored))}
	times := make([][]time.Duration, len(dashboard))
	rng := rand.New(rand.NewPCG(5, 5)) // #nosec G404 -- not a secret
	for round := range b.store.asks + 1 {
		for i, q := range dashboard {
			var answer json.RawMessage
			query := q.varies(rng)
			began := time.Now()
			if err := p.ask(ctx, q.path, query, &answer); err != nil {
				return rows, err
			}
			if round > 0 { // the first one reads from the disk
				times[i] = append(times[i], time.Since(began))
			}
		}
	}
	for i, q := range dashboard {
		slices.Sort(times[i])
		rows = append(rows, atMost(q.name, quantile(times[i], 0.95)/1000, q.bound, "%.0f ms",
			"p50 "+strconv.FormatFloat(quantile(times[i], 0.5)/1000, 'f', 0, 64)+" ms, "+strconv.Itoa(len(times[i]))+" times"))
	}
	return rows, nil
}
