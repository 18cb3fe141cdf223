package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	heapFloor  = 32 << 20  // bytes that count as live and that nobody touches
	heapGrowth = 28 << 20  // bytes the heap may grow by before it is collected, once it is larger than that
	largeHeap  = 128 << 20 // live bytes that can only be a long queue
	fineGrowth = 14 << 20  // bytes by which a large heap may grow
)

// tuneHeap tells Go's collector how a gateway uses memory, until ctx ends: it keeps
// little and allocates much, except when events queue up. Where the operator has
// tuned the collector it does nothing.
//
// Without a floor the heap doubles from a few MiB twenty times a second. The floor
// takes no memory. Without a bound on its growth it would double from hundreds
// of MiB as well; what waits in the queue has no pointers, so that collecting it
// often costs little.
func tuneHeap(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	floor := make([]byte, heapFloor)
	go func() {
		defer runtime.KeepAlive(floor)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		now := 100
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			metrics.Read(live)
			if wanted := gcPercent(live[0].Value.Uint64()); wanted*10 < now*9 || wanted*10 > now*11 {
				debug.SetGCPercent(wanted)
				now = wanted
			}
		}
	}()
}

// gcPercent is GOGC for a heap of so many live bytes.
func gcPercent(live uint64) int {
	growth := uint64(heapGrowth)
	if live > largeHeap {
		growth = fineGrowth
	}
	return int(min(100, growth*100/max(live, 1)+1)) // #nosec G115 -- at most 100
}
