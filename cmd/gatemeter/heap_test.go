package main

import "testing"

func TestTheHeapGrowsByABoundedAmount(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 10 << 20: 100, 28 << 20: 100, 56 << 20: 51, 128 << 20: 22, 140 << 20: 11, 400 << 20: 4, 1 << 40: 1} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d bytes live: %d, want %d", live, got, want)
		}
	}
}
