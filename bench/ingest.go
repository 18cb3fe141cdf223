//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/bench/traffic"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

const (
	batchSize = 200
	senders   = 8
	poolSize  = 130_000 // more than DuckDB compresses together
	poolSeed  = 7
	past      = 29 * 24 * time.Hour

	making = 10 * time.Microsecond // about twice what it takes both cores to make an event
)

// fillPlatform sends events of the past month, in the order of their times, as fast
// as they are taken, until there are as many as asked for.
func (b *bench) fillPlatform(ctx context.Context, p *platform, have int) ([]row, error) {
	events := b.store.events - have
	from, step := time.Now().Add(-past), past/time.Duration(b.store.events)
	f := b.newFiller(p, int64(events))
	f.when = func(n int64) time.Time { return from.Add(time.Duration(int64(have)+n) * step) }
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	return []row{known("events of the past month, as fast as they are taken", fmt.Sprintf("%.0f events/s (%d of them)", float64(events)/time.Since(f.began).Seconds(), events))}, nil
}

// ingestPlatform sends calls as they happen, at the asked rate. What is sent is made
// before, for the times at which it is due: the senders of real calls are elsewhere,
// and what they do to make them is not to take the platform's processors.
func (b *bench) ingestPlatform(ctx context.Context, p *platform) ([]row, error) {
	f := b.newFiller(p, int64(float64(b.store.rate)*b.store.length.Seconds()))
	f.rate = float64(b.store.rate)
	f.began = time.Now().Add(time.Duration(f.events) * making)
	f.when = f.due
	if err := f.prepare(ctx); err != nil {
		return nil, err
	}
	before, err := cpuTime(p.pid)
	if err != nil {
		return nil, err
	}
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	after, err := cpuTime(p.pid)
	if err != nil {
		return nil, err
	}
	return append(f.rows(), known("processor time of the platform for an event, from its arrival to its row",
		fmt.Sprintf("%.1f µs", float64((after-before).Microseconds())/float64(f.events)))), nil
}

func (b *bench) newFiller(p *platform, events int64) *filler {
	return &filler{p: p, pool: traffic.NewPool(poolSeed, poolSize), events: events, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}}
}

// run sends the events and waits until all are stored.
func (f *filler) run(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "platform: %d events to be sent\n", f.events)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f.began.Before(time.Now()) {
		f.began = time.Now()
	}
	if err := sleepUntil(ctx, f.began); err != nil {
		return err
	}
	watched := make(chan struct{})
	go func() { defer close(watched); f.watch(ctx) }()
	sending, while := errgroup.WithContext(ctx)
	for i := range senders {
		sending.Go(func() error { return f.send(while, i) })
	}
	err := sending.Wait()
	f.took = time.Since(f.began)
	if err == nil {
		err = await(ctx, 10*time.Minute, "all events to be stored", func() (bool, error) {
			books, err := f.p.books(ctx)
			return books.InFlight == 0, err
		})
	}
	cancel()
	<-watched
	fmt.Fprintf(os.Stderr, "platform: %d events sent in %s, all stored after %s\n", f.events, f.took.Round(time.Second), time.Since(f.began).Round(time.Second))
	return err
}

// filler sends and measures. Its counters are for all senders.
type filler struct {
	p      *platform
	pool   *traffic.Pool
	client *http.Client
	events int64                   // to be sent
	rate   float64                 // events per second; 0 is as fast as they are taken
	when   func(n int64) time.Time // says when the nth event happened
	began  time.Time
	took   time.Duration // to send all
	ready  [][]byte      // batches that were made before; nil makes them while sending

	next atomic.Int64 // number of the next event

	mu      sync.Mutex
	answers []time.Duration // of the 201, from when the batch was due
	busy    int             // answers that said to come again later
	visible []time.Duration
	memory  resident
	lag     int64 // the most that was in flight
}

// due is when the nth event is to be sent.
func (f *filler) due(n int64) time.Time {
	return f.began.Add(time.Duration(float64(n) / f.rate * float64(time.Second)))
}

// prepare makes all batches, in memory.
func (f *filler) prepare(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "platform: %d events are made\n", f.events)
	f.ready = make([][]byte, f.events/batchSize)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for i := range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			m, err := f.newMaker(i)
			for err == nil && ctx.Err() == nil {
				n := next.Add(1) - 1
				if n >= int64(len(f.ready)) {
					return nil
				}
				var packed []byte
				packed, err = m.batch(n * batchSize)
				f.ready[n] = bytes.Clone(packed)
			}
			return errors.Join(err, ctx.Err())
		})
	}
	return group.Wait()
}

// maker makes batches. Every other one has ids that begin with the time, as the
// gateway's do, the rest random ones, as those of SDKs.
type maker struct {
	*filler
	rng    *rand.Rand
	plain  []byte
	packed bytes.Buffer
	zip    *gzip.Writer
}

func (f *filler) newMaker(i int) (m *maker, err error) {
	m = &maker{filler: f, rng: rand.New(rand.NewPCG(uint64(i), uint64(f.began.UnixNano())))} // #nosec G404, G115 -- not a secret
	m.zip, err = gzip.NewWriterLevel(&m.packed, gzip.BestSpeed)
	return m, err
}

// batch makes the batch that begins with the nth event. It holds until the next.
func (m *maker) batch(n int64) ([]byte, error) {
	m.plain = append(m.plain[:0], '[')
	for i := range int64(batchSize) {
		if i > 0 {
			m.plain = append(m.plain, ',')
		}
		m.plain = m.pool.Append(m.plain, m.rng, m.when(n+i), n/batchSize%2 == 0)
	}
	m.plain = append(m.plain, ']')
	m.packed.Reset()
	m.zip.Reset(&m.packed)
	if _, err := m.zip.Write(m.plain); err != nil {
		return nil, err
	}
	if err := m.zip.Close(); err != nil {
		return nil, err
	}
	return m.packed.Bytes(), nil
}

// send sends batches in turn with the other senders.
func (f *filler) send(ctx context.Context, sender int) error {
	m, err := f.newMaker(sender)
	if err != nil {
		return err
	}
	for {
		first := f.next.Add(batchSize) - batchSize
		if first+batchSize > f.events {
			return nil
		}
		due := time.Now()
		var packed []byte
		if f.ready == nil {
			packed, err = m.batch(first)
		} else {
			packed, due = f.ready[first/batchSize], f.due(first)
		}
		if err != nil {
			return err
		}
		if err := sleepUntil(ctx, due); err != nil {
			return err
		}
		if err := f.post(ctx, packed); err != nil {
			return err
		}
		f.mu.Lock()
		f.answers = append(f.answers, time.Since(due))
		f.mu.Unlock()
	}
}

func sleepUntil(ctx context.Context, t time.Time) error {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post sends a batch until it is acknowledged; a platform that is busy may say so.
func (f *filler) post(ctx context.Context, packed []byte) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.p.address+"/v1/events/batch", bytes.NewReader(packed))
		if err != nil {
			return err
		}
		req.Header.Set("X-Moesif-Application-Id", f.p.applicationID)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Content-Encoding", "gzip")
		resp, err := f.client.Do(req)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusCreated && !bytes.Contains(text, []byte(`"reason"`)):
			return nil
		case resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable:
			return fmt.Errorf("the collector answered %d: %.300s", resp.StatusCode, text)
		}
		f.mu.Lock()
		f.busy++
		f.mu.Unlock()
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch looks at the memory, and sends events of its own to see when they can be
// found.
func (f *filler) watch(ctx context.Context) {
	rng := rand.New(rand.NewPCG(99, 99)) // #nosec G404 -- not a secret
	for n := 0; ctx.Err() == nil; n++ {
		user := fmt.Sprintf("probe-%d-%d", f.began.Unix(), n)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		event := traffic.New(rng.Uint64()).Event(time.Now())
		event.UserID = user
		document, err := event.MarshalJSON()
		if err == nil {
			_, err = fmt.Fprintf(z, "[%s]", document)
		}
		if err != nil || z.Close() != nil || f.post(ctx, packed.Bytes()) != nil {
			return
		}
		acknowledged := time.Now()
		found := f.appears(ctx, user)
		books, _ := f.p.books(ctx) // a measured value less
		f.mu.Lock()
		if found {
			f.visible = append(f.visible, time.Since(acknowledged))
			f.lag = max(f.lag, books.InFlight)
		}
		_ = f.memory.raise(f.p.pid) // as above
		f.mu.Unlock()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// appears waits until a user's event is listed, and says when to 0.2 s.
func (f *filler) appears(ctx context.Context, user string) bool {
	for {
		var answer struct {
			Events []struct{} `json:"events"`
		}
		err := f.p.ask(ctx, "/api/v1/events", url.Values{"user_id": {user}, "limit": {"1"}, "from": {"-1h"}}, &answer)
		if err != nil || len(answer.Events) > 0 {
			return err == nil
		}
		select {
		case <-time.After(200 * time.Millisecond): // asking costs, too
		case <-ctx.Done():
			return false
		}
	}
}

// rows says what came out.
func (f *filler) rows() []row {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.answers)
	slices.Sort(f.visible)
	seconds := f.took.Seconds()
	return []row{
		atLeast("durable ingest", float64(f.events)/seconds, min(30_000, 0.999*f.rate), "%.0f events/s",
			fmt.Sprintf("for %.0f s, gzip batches of %d, %.0f/s asked for; at most %d in flight, %d times asked to come again", seconds, batchSize, f.rate, f.lag, f.busy)),
		atMost("p99 of the 201, from when the batch was due", quantile(f.answers, 0.99)/1000, 150, "%.0f ms", fmt.Sprintf("p50 %.0f ms, at most %.0f ms", quantile(f.answers, 0.5)/1000, quantile(f.answers, 1)/1000)),
		atMost("event found after its 201, p99", quantile(f.visible, 0.99)/1e6, 2, "%.2f s", fmt.Sprintf("p50 %.2f s, %d probes", quantile(f.visible, 0.5)/1e6, len(f.visible))),
		atMost("resident memory, at most", mib(f.memory.all), 1024, "%.0f MiB", fmt.Sprintf("%.0f of it anonymous", mib(f.memory.anonymous))),
	}
}
