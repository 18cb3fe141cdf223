package events

import (
	"math"
	"math/bits"
	"slices"
)

// Durations in a rollup are counted in buckets, which add up; see the macro
// duration_bucket of migration 2. Its constants are here a second time.
const (
	firstLetter = 0x100
	// A letter takes two bytes in UTF-8: there are more of them than buckets, of
	// which the longest duration, 2^63 µs, needs 1092.
	maxBuckets = 0x800 - firstLetter
)

var bucketWidth = math.Log(1.02 / 0.98)

// durations are the letters and counts of one answer.
type durations struct {
	counts [maxBuckets]int64
	total  int64
	used   int // buckets that may not be 0
}

// reset reads what string_agg of rollups has joined.
func (d *durations) reset(text string) {
	clear(d.counts[:d.used])
	d.total, d.used = 0, 0
	for i := 0; i+1 < len(text); {
		bucket := int(text[i]&0x1f)<<6 | int(text[i+1]&0x3f) - firstLetter
		i += 2
		var n int64
		for i < len(text) && text[i]-'0' < 10 {
			n = n*10 + int64(text[i]-'0')
			i++
		}
		n = max(n, 1)
		if bucket < 0 || bucket >= maxBuckets {
			continue // not written by roll
		}
		d.counts[bucket] += n
		d.total += n
		d.used = max(d.used, bucket+1)
	}
}

// quantile is that of the events in milliseconds, within 2 % (and 1 µs); nil
// without events.
func (d *durations) quantile(q float64) *float64 {
	if d.total == 0 {
		return nil
	}
	rank := int64(math.Ceil(q * float64(d.total)))
	for i, n := range d.counts[:d.used] {
		if rank -= n; rank <= 0 {
			ms := middle(i) / 1000
			return &ms
		}
	}
	return nil
}

// middle of a bucket in µs: what is as many percent above its begin as below its end.
func middle(bucket int) float64 {
	if bucket == 0 {
		return 1
	}
	return math.Round(math.Exp(float64(bucket)*bucketWidth) * 0.98)
}

func (d *durations) latency(text string) Latency {
	d.reset(text)
	return Latency{P50: d.quantile(0.5), P95: d.quantile(0.95), P99: d.quantile(0.99)}
}

// bucketEnds are the longest durations of the buckets in µs; octaves has, for
// each length in bits, the first bucket whose end may be as long.
var bucketEnds, octaves = measureBuckets()

func measureBuckets() (ends []int64, octaves [65]int) {
	macro := func(us int64) int { return int(math.Ceil(math.Log(float64(us)) / bucketWidth)) }
	ends = append(ends, 1)
	for ends[len(ends)-1] < math.MaxInt64 {
		k := len(ends)
		// The bound is near e^(k·width): it is found by halving around it.
		low, high := ends[k-1], int64(math.MaxInt64)
		if about := math.Exp(float64(k+1) * bucketWidth); about < math.MaxInt64 {
			high = int64(about) + 1
		}
		for low+1 < high { // low is in the bucket or below it, high is above
			if middle := low + (high-low)/2; macro(middle) <= k {
				low = middle
			} else {
				high = middle
			}
		}
		if macro(high) <= k {
			low = high
		}
		ends = append(ends, low)
	}
	for n := range octaves {
		least := int64(1)
		if n > 0 {
			least = int64(1) << min(n-1, 62)
		}
		octaves[n], _ = slices.BinarySearch(ends, least)
	}
	return ends, octaves
}

// durationBucket is the macro duration_bucket of migration 2, but for the last
// microsecond of a few buckets beyond a hundred years.
func durationBucket(us int64) int {
	if us <= 1 {
		return 0
	}
	k := octaves[bits.Len64(uint64(us))] // #nosec G115 -- is positive
	for bucketEnds[k] < us {
		k++
	}
	return k
}
