//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

// contender is a process that takes the load in its turns.
type contender struct {
	name    string
	process *process
	path    string
	status  int    // that its answers have
	token   string // that every request carries; "": an invented user's name
	rate    int    // requests per second that it is given; 0: as many as it takes

	// What came out, a round each.
	cpu            []float64 // µs per request, what is done behind the request included
	throughput     []float64 // requests per second
	busy           []float64 // part of its core's time while the load ran
	p50, p99, p999 []float64 // µs
	late           []float64 // µs, of the generator, 99th percentile
}

func newContender(name string, p *process) *contender {
	return &contender{name: name, process: p, path: openPath, status: http.StatusOK}
}

// load is one turn's, seeded by its round, so that all contenders get the same.
func (b *bench) load(c *contender, round int, length time.Duration) *load {
	invent := newExchanges(uint64(round)+1, usualItems)
	return &load{
		address:     c.process.address,
		connections: b.connections,
		status:      c.status,
		request:     func(dst []byte) []byte { return invent.request(dst, c.path, c.token, b.posts) },
		rate:        c.rate,
		length:      length,
	}
}

// warmUp brings connections, pools and page cache into the state they keep.
func (b *bench) warmUp(ctx context.Context, all []*contender) (requests []int, err error) {
	for _, c := range all {
		out, err := b.load(c, 0, 2*time.Second).run(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		requests = append(requests, out.requests)
	}
	return requests, nil
}

// spend gives c its load and notes what that costs. settled waits until the work
// behind the requests is done as well.
func (b *bench) spend(ctx context.Context, c *contender, round int, length time.Duration, settled func(context.Context, int) error) error {
	before, err := cpuTime(c.process.pid)
	if err != nil {
		return err
	}
	out, err := b.load(c, round, length).run(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	during, err := cpuTime(c.process.pid)
	if err != nil {
		return err
	}
	if err := settled(ctx, out.requests); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	after, err := cpuTime(c.process.pid)
	if err != nil {
		return err
	}
	c.cpu = append(c.cpu, float64((after-before).Microseconds())/float64(out.requests))
	c.throughput = append(c.throughput, float64(out.requests)/out.took.Seconds())
	c.busy = append(c.busy, (during-before).Seconds()/out.took.Seconds())
	return nil
}

// nothing is the work behind the requests of a contender that reports nothing.
func nothing(context.Context, int) error { return nil }

// turns runs every contender once a round, each round beginning with another.
func turns(scenario string, all []*contender, rounds int, turn func(c *contender, round int) error) error {
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", scenario, round+1, rounds)
		for i := range all {
			if err := turn(all[(i+round)%len(all)], round+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// ledger knows how many events a collector is to have.
type ledger struct {
	collector *process
	expected  int
}

// settled waits until the events of n more requests have come.
func (l *ledger) settled(ctx context.Context, n int) error {
	l.expected += n
	var t tally
	err := await(ctx, 20*time.Second, "events to be delivered", func() (done bool, err error) {
		t, err = readTally(ctx, l.collector)
		return t.Events >= l.expected, err
	})
	if err == nil && t.Events != l.expected {
		err = fmt.Errorf("the collector has %d events of %d requests", t.Events, l.expected)
	}
	if err != nil {
		return fmt.Errorf("%w (%d of %d are there)", err, t.Events, l.expected)
	}
	return nil
}

func readTally(ctx context.Context, collector *process) (tally, error) {
	status, body, err := fetch(ctx, "http://"+collector.address+"/tally")
	if err != nil {
		return tally{}, err
	}
	if status != http.StatusOK {
		return tally{}, fmt.Errorf("the collector's tally: %d %s", status, body)
	}
	var t tally
	return t, json.Unmarshal(body, &t)
}

// ruled waits until the gateway enforces the collector's rules, and reports
// whether it does: one that has not fetched them after some seconds never will.
func ruled(ctx context.Context, gateway *process, requests *int) (bool, error) {
	const limit = 10 * time.Second
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		status, _, err := fetch(ctx, "http://"+gateway.address+blockedPath)
		if err != nil {
			return false, err
		}
		*requests++
		if status == http.StatusForbidden {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
		}
	}
	return false, nil
}
