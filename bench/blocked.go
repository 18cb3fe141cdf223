//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
)

// runBlocked compares a request that a rule blocks with one that is proxied, both
// by the same gateway and reported alike.
func (b *bench) runBlocked(ctx context.Context) (rows []row, err error) {
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
	gateway, err := h.gateway(ctx, upstream, collector.base(healthy))
	if err != nil {
		return nil, err
	}
	books := &ledger{collector: collector}
	const what = "blocked request against a proxied one"
	governed, err := ruled(ctx, gateway, &books.expected)
	if err != nil {
		return nil, err
	}
	if !governed {
		return []row{known(what, "this gateway fetches no rules")}, nil
	}
	proxied, blocked := newContender("proxied", gateway), newContender("blocked", gateway)
	blocked.path, blocked.status = blockedPath, http.StatusForbidden
	all := []*contender{proxied, blocked}
	requests, err := b.warmUp(ctx, all)
	if err != nil {
		return nil, err
	}
	if err := books.settled(ctx, requests[0]+requests[1]); err != nil {
		return nil, err
	}
	err = turns("blocked", all, b.blocked.rounds, func(c *contender, round int) error {
		return b.spend(ctx, c, round, b.blocked.length, books.settled)
	})
	if err != nil {
		return nil, err
	}
	printCosts("blocked", b.blocked, all)
	ratio := median(paired(blocked.cpu, proxied.cpu, func(b, p float64) float64 { return b / p }))
	return []row{atMost(what, ratio, 1, "%.2f of its CPU", fmt.Sprintf("%.1f µs and %.0f/s, %.1f µs and %.0f/s",
		median(blocked.cpu), median(blocked.throughput), median(proxied.cpu), median(proxied.throughput)))}, nil
}
