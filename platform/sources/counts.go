package sources

import (
	"strconv"
	"strings"
	"time"
)

// Steps are the ends of the steps in which delays are counted; what took longer
// than the last is in one more.
var Steps = [...]time.Duration{
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour,
}

// Delays counts items by how long after they happened they came in.
type Delays [len(Steps) + 1]int64

func (d *Delays) add(delay time.Duration) {
	for i, end := range Steps {
		if delay <= end {
			d[i]++
			return
		}
	}
	d[len(Steps)]++
}

// Quantile returns the end of the step in which the q-th part of the items lies, 0 to
// 1: it took at most that long. ok is false when there are no items, or when it
// took longer than the last step.
func (d Delays) Quantile(q float64) (end time.Duration, ok bool) {
	var all, so int64
	for _, n := range d {
		all += n
	}
	if all == 0 {
		return 0, false
	}
	for i, n := range d[:len(Steps)] {
		if so += n; float64(so) >= q*float64(all) {
			return Steps[i], true
		}
	}
	return 0, false
}

func (d Delays) text() string {
	parts := make([]string, len(d))
	for i, n := range d {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(parts, ",")
}

func (d *Delays) addText(text string) {
	for i, part := range strings.Split(text, ",") {
		if n, err := strconv.ParseInt(part, 10, 64); err == nil && i < len(d) {
			d[i] += n
		}
	}
}

// Counts is what came in, in items.
type Counts struct {
	Batches                       int64 // requests
	Received, Duplicate, Rejected int64
	Late                          int64 // came more than 5 minutes after they happened
	Ahead                         int64 // happened more than 5 minutes after they came: the sender's clock is wrong
	Delays                        Delays
}

// Plus is the sum of both.
func (c Counts) Plus(o Counts) Counts {
	c.Batches += o.Batches
	c.Received += o.Received
	c.Duplicate += o.Duplicate
	c.Rejected += o.Rejected
	c.Late += o.Late
	c.Ahead += o.Ahead
	for i, n := range o.Delays {
		c.Delays[i] += n
	}
	return c
}
