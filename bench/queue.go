//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// runQueue fills the queue of a gateway whose collector refuses connections, and
// looks at its memory. Before that a healthy collector tells how large and how
// compressible the events are.
func (b *bench) runQueue(ctx context.Context) (rows []row, err error) {
	h, err := b.newHouse()
	if err != nil {
		return nil, err
	}
	defer h.close(&err)
	upstream, err := h.upstream(ctx, queueItems)
	if err != nil {
		return nil, err
	}
	collector, err := h.collector(ctx, fewCustomers)
	if err != nil {
		return nil, err
	}
	gateway, err := h.gateway(ctx, upstream, collector.base(healthy))
	if err != nil {
		return nil, err
	}
	c := newContender("queue", gateway)
	books := &ledger{collector: collector}
	if _, err := ruled(ctx, gateway, &books.expected); err != nil {
		return nil, err
	}
	fmt.Fprintln(os.Stderr, "queue: looking at some events")
	out, err := b.load(c, 1, 2*time.Second).run(ctx)
	if err != nil {
		return nil, err
	}
	if err := books.settled(ctx, out.requests); err != nil {
		return nil, err
	}
	events, err := readTally(ctx, collector)
	if err != nil {
		return nil, err
	}
	if err := collector.stop(); err != nil {
		return nil, err
	}

	most, err := b.fill(ctx, c)
	if err != nil {
		return nil, err
	}
	after, err := quiet(ctx, gateway)
	if err != nil {
		return nil, err
	}
	n := int64(events.Events)
	return []row{atMost(fmt.Sprintf("%d queued events of varied %.2f KB", b.events, float64(events.Raw/n)/1000), mib(after.all), 400, "%.0f MiB resident",
		fmt.Sprintf("%.0f anonymous, %.0f at most; %d B per event as sent, %d B by gzip -1", mib(after.anonymous), mib(most.all), events.Compressed/n, events.GzipFast/n))}, nil
}

// fill sends the requests that make the events, and returns the most memory the
// gateway held meanwhile.
func (b *bench) fill(ctx context.Context, c *contender) (resident, error) {
	const longest = 15 * time.Minute
	var most resident
	next := 0
	l := b.load(c, 2, longest)
	l.count = b.events
	l.watch = func(done int) error {
		if done >= next {
			fmt.Fprintf(os.Stderr, "queue: %d of %d events\n", done, b.events)
			next += b.events / 10
		}
		return most.raise(c.process.pid)
	}
	out, err := l.run(ctx)
	if err == nil && out.requests < b.events {
		err = fmt.Errorf("only %d requests were answered in %s", out.requests, longest)
	}
	return most, err
}

// quiet waits until a process does nothing any more: what was put in the queue is
// sealed. It returns what the process holds then.
func quiet(ctx context.Context, p *process) (resident, error) {
	const calm = 20 // looks, one every 50 ms
	last, same := time.Duration(-1), 0
	err := await(ctx, time.Minute, "the gateway to be idle", func() (bool, error) {
		now, err := cpuTime(p.pid)
		if same++; now > last+10*time.Millisecond {
			last, same = now, 0
		}
		return same >= calm, err
	})
	if err != nil {
		return resident{}, err
	}
	return readResident(p.pid)
}
