//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// load sends requests over connections that stay open, all on one thread: it is to
// cost little beside what it measures, and to be on time.
type load struct {
	address     string // host:port
	connections int
	status      int                        // that every answer must have
	request     func(dst []byte) []byte    // appends the next request
	rate        int                        // requests per second; 0: each connection sends when it has its answer
	length      time.Duration              // how long requests are sent
	count       int                        // requests to send at most; 0: no bound
	watch       func(done int) (err error) // called now and then; nil: not
}

// sent is what came of a load.
type sent struct {
	requests int
	took     time.Duration
	// The following are measured with a rate only.
	latencies []time.Duration // sorted; each from the time the request was due
	late      []time.Duration // sorted; how long after it was due the request was sent
}

// stuck is how long after the last request was due answers may come.
const stuck = 30 * time.Second

// run sends until the length or the count is reached, and waits for the answers.
func (l *load) run(ctx context.Context) (out sent, err error) {
	d, err := l.open()
	if err != nil {
		return sent{}, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if l.rate > 0 {
		d.total = int(l.length.Seconds() * float64(l.rate))
		d.out.latencies = make([]time.Duration, 0, d.total)
		d.out.late = make([]time.Duration, 0, d.total)
	}
	d.start = time.Now()
	if err := d.send(); err != nil {
		return sent{}, err
	}
	for next := time.Duration(0); !d.finished(); {
		if err := d.turn(); err != nil {
			return sent{}, err
		}
		if d.now < next {
			continue
		}
		next = d.now + 100*time.Millisecond
		if err := d.look(ctx); err != nil {
			return sent{}, err
		}
	}
	d.out.took = d.now
	slices.Sort(d.out.latencies)
	slices.Sort(d.out.late)
	return d.out, nil
}

// drive is a load on its way.
type drive struct {
	*load
	poll  *poll
	conns []*conn
	free  []*conn // those without a request

	start time.Time
	now   time.Duration // since start, when poll last woke
	total int           // requests that will be due; with a rate
	begun int           // requests sent
	out   sent
}

// open connects.
func (l *load) open() (*drive, error) {
	d := &drive{load: l}
	var err error
	if d.poll, err = newPoll(l.rate); err != nil {
		return nil, err
	}
	for i := range l.connections {
		c, err := dial(l.address)
		if err == nil {
			err = d.poll.add(c.fd, i)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connecting to %s: %w", l.address, err), d.close())
		}
		d.conns = append(d.conns, c)
	}
	d.free = slices.Clone(d.conns)
	return d, nil
}

func (d *drive) close() error {
	err := d.poll.close()
	for _, c := range d.conns {
		err = errors.Join(err, c.close())
	}
	return err
}

// turn takes the answers that have come and sends what is due.
func (d *drive) turn() error {
	ready, err := d.poll.wait()
	if err != nil {
		return err
	}
	d.now = time.Since(d.start)
	for _, i := range ready {
		c := d.conns[i]
		done, err := c.receive(d.status)
		if err != nil {
			return fmt.Errorf("%s: %w", d.address, err)
		}
		if !done {
			continue
		}
		d.out.requests++
		if d.rate > 0 {
			d.out.latencies = append(d.out.latencies, time.Since(d.start)-c.due)
		}
		d.free = append(d.free, c)
	}
	return d.send()
}

// send gives connections without a request the next ones, as far as they are due.
// The connection that has been free for longest comes first.
func (d *drive) send() error {
	used := 0
	for _, c := range d.free {
		now := time.Since(d.start)
		due, ok := d.due(now)
		if !ok {
			break
		}
		c.due = due
		if d.rate > 0 {
			d.out.late = append(d.out.late, now-due)
		}
		if err := c.send(d.request); err != nil {
			return fmt.Errorf("%s: %w", d.address, err)
		}
		d.begun++
		used++
	}
	d.free = slices.Delete(d.free, 0, used)
	return nil
}

// due is when the next request is, or was, to be sent; ok is false when that is
// not yet, or there is none.
func (d *drive) due(now time.Duration) (at time.Duration, ok bool) {
	if d.rate == 0 {
		return now, now < d.length && (d.count == 0 || d.begun < d.count)
	}
	at = time.Duration(d.begun) * time.Second / time.Duration(d.rate)
	return at, at <= now && d.begun < d.total
}

func (d *drive) finished() bool {
	if len(d.free) < len(d.conns) {
		return false
	}
	if d.rate > 0 {
		return d.begun >= d.total
	}
	return d.now >= d.length || d.count > 0 && d.begun >= d.count
}

// look checks what need not be checked for every request.
func (d *drive) look(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.now > d.length+stuck {
		return fmt.Errorf("%s: %d answers are missing %s after the last request", d.address, len(d.conns)-len(d.free), stuck)
	}
	if d.watch != nil {
		return d.watch(d.out.requests)
	}
	return nil
}
