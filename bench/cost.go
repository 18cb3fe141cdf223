//go:build linux

package main

import (
	"context"
	"fmt"
)

// Customers in the collector's configuration: many, and what a scenario takes in
// which they are not the question.
const (
	customers    = 100_000
	fewCustomers = 1000
)

// runCost compares what a request costs, in CPU time and throughput, with the
// integration and without, and beside a bare reverse proxy.
func (b *bench) runCost(ctx context.Context) (rows []row, err error) {
	h, err := b.newHouse()
	if err != nil {
		return nil, err
	}
	defer h.close(&err)
	upstream, err := h.upstream(ctx, usualItems)
	if err != nil {
		return nil, err
	}
	collector, err := h.collector(ctx, customers)
	if err != nil {
		return nil, err
	}
	bare, err := h.gateway(ctx, upstream, "")
	if err != nil {
		return nil, err
	}
	reporting, err := h.gateway(ctx, upstream, collector.base(healthy))
	if err != nil {
		return nil, err
	}
	proxy, err := h.reverseProxy(ctx, upstream)
	if err != nil {
		return nil, err
	}
	off, on := newContender("gatemeter, integration off", bare), newContender("gatemeter, integration on", reporting)
	rival := newContender("httputil.ReverseProxy, buffer pool", proxy)
	all := []*contender{off, on, rival}

	books := &ledger{collector: collector}
	governed, err := ruled(ctx, reporting, &books.expected)
	if err != nil {
		return nil, err
	}
	requests, err := b.warmUp(ctx, all)
	if err != nil {
		return nil, err
	}
	if err := books.settled(ctx, requests[1]); err != nil {
		return nil, err
	}
	turn := func(c *contender, round int) error {
		if c.process == reporting {
			return b.spend(ctx, c, round, b.cost.length, books.settled)
		}
		return b.spend(ctx, c, round, b.cost.length, nothing)
	}
	if err := turns("cost", all, b.cost.rounds, turn); err != nil {
		return nil, err
	}
	printCosts("cost", b.cost, all)

	calmOff, calmOn := newContender(off.name, bare), newContender(on.name, reporting)
	calmOff.rate, calmOn.rate = b.rate, b.rate
	calm := []*contender{calmOff, calmOn}
	if err := turns("cost at a rate", calm, b.cost.rounds, turn); err != nil {
		return nil, err
	}
	printCosts("cost at a rate", b.cost, calm)
	return append(costRows(off, on, rival, governed), b.rateRow(calmOff, calmOn)), nil
}

// rateRow compares the two at one rate. The core is idle in between, so that what it
// costs to be woken, by a request or by a timer, is in it.
func (b *bench) rateRow(off, on *contender) row {
	more := median(paired(on.cpu, off.cpu, func(on, off float64) float64 { return on - off }))
	return known(fmt.Sprintf("… at %d requests/s", b.rate),
		fmt.Sprintf("%.1f µs CPU per request (%.1f on, %.1f off)", more, median(on.cpu), median(off.cpu)))
}

func costRows(off, on, rival *contender, governed bool) []row {
	more := median(paired(on.cpu, off.cpu, func(on, off float64) float64 { return on - off }))
	less := 100 * median(paired(on.throughput, off.throughput, func(on, off float64) float64 { return 1 - on/off }))
	what := fmt.Sprintf("integration on (bodies, masks, %d rules, gzip) minus off", cohortRules+regexRules)
	if !governed {
		what = "integration on (bodies, masks, gzip; this gateway fetches no rules) minus off"
	}
	return []row{
		atMost(what, more, 12, "%.1f µs CPU per request", fmt.Sprintf("%.1f on, %.1f off", median(on.cpu), median(off.cpu))),
		atMost("… of throughput", less, 10, "%.1f %%", fmt.Sprintf("%.0f/s on, %.0f/s off", median(on.throughput), median(off.throughput))),
		known("httputil.ReverseProxy with a buffer pool", fmt.Sprintf("%.1f µs CPU per request, %.0f/s", median(rival.cpu), median(rival.throughput))),
	}
}

// base is the URL under which the collector has a mood.
func (p *process) base(mood string) string { return "http://" + p.address + "/" + mood }
