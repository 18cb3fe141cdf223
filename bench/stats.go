//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// median of at least one value.
func median(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// paired compares two contenders round by round.
func paired(a, b []float64, compare func(a, b float64) float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = compare(a[i], b[i])
	}
	return out
}

// quantile of sorted times, in µs.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))]) / float64(time.Microsecond)
}

// span is the least and the greatest value.
func span(xs []float64, decimals int) string {
	return fmt.Sprintf("%.*f..%.*f", decimals, slices.Min(xs), decimals, slices.Max(xs))
}
