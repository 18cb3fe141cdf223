//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
)

// runMemory watches how much memory the gateway takes under as much load as it can
// bear, with a healthy collector: with rules for few customers, and for many.
func (b *bench) runMemory(ctx context.Context) ([]row, error) {
	var rows []row
	for _, n := range []int{fewCustomers, customers} {
		fmt.Fprintf(os.Stderr, "memory: %d customers with rules\n", n)
		most, governed, err := b.watchMemory(ctx, n)
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("resident memory, %d connections, healthy collector, %d customers in rules", b.connections, n)
		detail := fmt.Sprintf("%.0f of it anonymous", mib(most.anonymous))
		if !governed {
			detail += "; fetches no rules"
		}
		rows = append(rows, atMost(what, mib(most.all), 64, "%.0f MiB", detail))
	}
	return rows, nil
}

// watchMemory loads one gateway and returns the most it held.
func (b *bench) watchMemory(ctx context.Context, customers int) (most resident, governed bool, err error) {
	h, err := b.newHouse()
	if err != nil {
		return most, false, err
	}
	defer h.close(&err)
	upstream, err := h.upstream(ctx, usualItems)
	if err != nil {
		return most, false, err
	}
	collector, err := h.collector(ctx, customers)
	if err != nil {
		return most, false, err
	}
	gateway, err := h.gateway(ctx, upstream, collector.base(healthy))
	if err != nil {
		return most, false, err
	}
	asked := 0
	if governed, err = ruled(ctx, gateway, &asked); err != nil {
		return most, false, err
	}
	l := b.load(newContender("memory", gateway), 1, b.memoryLength)
	l.watch = func(int) error { return most.raise(gateway.pid) }
	_, err = l.run(ctx)
	return most, governed, err
}

// raise takes what a process holds now if that is more.
func (r *resident) raise(pid int) error {
	now, err := readResident(pid)
	if err != nil {
		return err
	}
	if now.all > r.all {
		*r = now
	}
	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
