//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// runLatency compares how long requests take at a steady rate when the collector
// has troubles, with how long they take without the integration.
func (b *bench) runLatency(ctx context.Context) (rows []row, err error) {
	h, err := b.newHouse()
	if err != nil {
		return nil, err
	}
	defer h.close(&err)
	all, err := b.troubled(ctx, h)
	if err != nil {
		return nil, err
	}
	if _, err := b.warmUp(ctx, all); err != nil {
		return nil, err
	}
	err = turns("latency", all, b.latency.rounds, func(c *contender, round int) error {
		l := b.load(c, round, b.latency.length)
		l.rate = b.rate
		out, err := l.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		c.p50 = append(c.p50, quantile(out.latencies, 0.5))
		c.p99 = append(c.p99, quantile(out.latencies, 0.99))
		c.p999 = append(c.p999, quantile(out.latencies, 0.999))
		c.late = append(c.late, quantile(out.late, 0.99))
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.printLatencies(all)
	return latencyRows(all), nil
}

// troubled starts a gateway without the integration, one more of the same kind
// that shows how exact the comparison is, and one for each trouble.
func (b *bench) troubled(ctx context.Context, h *house) ([]*contender, error) {
	upstream, err := h.upstream(ctx, usualItems)
	if err != nil {
		return nil, err
	}
	lasting, err := h.collector(ctx, customers)
	if err != nil {
		return nil, err
	}
	doomed, err := h.collector(ctx, customers) // until the gateway has its rules
	if err != nil {
		return nil, err
	}
	var all []*contender
	for _, c := range []struct{ name, collector string }{
		{"integration off", ""},
		{"integration off, once more", ""},
		{"collector healthy", lasting.base(healthy)},
		{"collector hung", lasting.base(hung)},
		{"collector refusing, connections", doomed.base(healthy)},
		{"collector refusing, 503", lasting.base(unavailable)},
		{"collector 5 s slow", lasting.base(slow)},
	} {
		gateway, err := h.gateway(ctx, upstream, c.collector)
		if err != nil {
			return nil, err
		}
		if c.collector != "" {
			asked := 0
			if _, err := ruled(ctx, gateway, &asked); err != nil {
				return nil, err
			}
		}
		all = append(all, newContender(c.name, gateway))
	}
	return all, doomed.stop()
}

// latencyRows takes the first contender for the measure. The control and the
// healthy collector are shown; the troubles are held to the promise, unless the
// control is off by as much as the promise allows: that machine is too noisy.
func latencyRows(all []*contender) []row {
	const bound = 1.1
	off := all[0]
	control := median(all[1].p99) / median(off.p99)
	var rows []row
	for i, c := range all[1:] {
		ratio := median(c.p99) / median(off.p99)
		detail := fmt.Sprintf("%s against %s", micros(median(c.p99)), micros(median(off.p99)))
		what := "p99, " + c.name + ", against integration off"
		if i < 2 {
			rows = append(rows, known(what, fmt.Sprintf("%.2f (%s)", ratio, detail)))
			continue
		}
		r := atMost(what, ratio, bound, "%.2f", detail)
		if control > bound || control < 1/bound {
			r.verdict = "too noisy to tell"
		}
		rows = append(rows, r)
	}
	return rows
}

func micros(us float64) string {
	return (time.Duration(us) * time.Microsecond).String()
}
