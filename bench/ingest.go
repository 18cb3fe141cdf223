//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
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
	past      = 29 * 24 * time.Hour
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

// ingestPlatform sends calls as they happen, at the asked rate.
func (b *bench) ingestPlatform(ctx context.Context, p *platform) ([]row, error) {
	f := b.newFiller(p, int64(float64(b.store.rate)*b.store.length.Seconds()))
	f.rate = float64(b.store.rate)
	f.when = func(int64) time.Time { return time.Now() }
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
	return &filler{p: p, pool: traffic.NewPool(7, poolSize), events: events, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}}
}

// run sends the events and waits until all are stored.
func (f *filler) run(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "platform: %d events to be sent\n", f.events)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.began = time.Now()
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

	next atomic.Int64 // number of the next event

	mu      sync.Mutex
	answers []time.Duration // of the 201, from when the batch was due
	busy    int             // answers that said to come again later
	visible []time.Duration
	memory  resident
	lag     int64 // the most that was in flight
}

// send sends batches in turn with the other senders: half of them give their
// events ids that begin with the time, as the gateway does, half of them random
// ones, as SDKs do.
func (f *filler) send(ctx context.Context, sender int) error {
	rng := rand.New(rand.NewPCG(uint64(sender), uint64(f.began.UnixNano()))) // #nosec G404, G115 -- not a secret
	var plain []byte
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	for {
		last := f.next.Add(batchSize)
		if last > f.events {
			return nil
		}
		plain = append(plain[:0], '[')
		for n := last - batchSize; n < last; n++ {
			if len(plain) > 1 {
				plain = append(plain, ',')
			}
			plain = f.pool.Append(plain, rng, f.when(n), sender%2 == 0)
		}
		plain = append(plain, ']')
		packed.Reset()
		z.Reset(&packed)
		if _, err := z.Write(plain); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		due := time.Now()
		if f.rate > 0 {
			due = f.began.Add(time.Duration(float64(last-batchSize) / f.rate * float64(time.Second)))
		}
		if err := sleepUntil(ctx, due); err != nil {
			return err
		}
		if err := f.post(ctx, packed.Bytes()); err != nil {
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
