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

// fillPlatform sends events until there are as many as asked for: in the order of their
// times, which are of the past month. While it keeps to the rate it measures.
func (b *bench) fillPlatform(ctx context.Context, p *platform, have int) ([]row, error) {
	fmt.Fprintf(os.Stderr, "platform: %d events to be sent\n", b.store.events-have)
	f := &filler{b: b, p: p, pool: traffic.NewPool(7, poolSize), began: time.Now(), from: time.Now().Add(-past), next: int64(have)}
	f.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() { defer close(watched); f.watch(ctx) }()
	sending, while := errgroup.WithContext(ctx)
	for i := range senders {
		sending.Go(func() error { return f.send(while, uint64(i)) })
	}
	if err := sending.Wait(); err != nil {
		return nil, err
	}
	took := time.Since(f.began)
	var books balance
	err := await(ctx, 10*time.Minute, "all events to be stored", func() (bool, error) {
		var err error
		books, err = p.books(ctx)
		return books.InFlight == 0, err
	})
	cancel()
	<-watched
	if err != nil {
		return nil, err
	}
	cpu, err := cpuTime(p.pid)
	if err != nil {
		return nil, err
	}
	sent := b.store.events - have
	fmt.Fprintf(os.Stderr, "platform: %d events sent in %s, all stored after %s\n", sent, took.Round(time.Second), time.Since(f.began).Round(time.Second))
	return append(f.rows(), known("processor time of the platform for an event, from its arrival to its row",
		fmt.Sprintf("%.1f µs", float64(cpu.Microseconds())/float64(sent)))), nil
}

// filler sends and measures. Its counters are for all senders.
type filler struct {
	b           *bench
	p           *platform
	pool        *traffic.Pool
	client      *http.Client
	began, from time.Time
	next        int64 // number of the next event

	mu       sync.Mutex
	answers  []time.Duration // of the 201, from when the batch was due, while measured
	measured int             // events acknowledged while measured
	visible  []time.Duration
	memory   resident
	lag      int64 // the most that was in flight while measured
}

// measuring reports whether what happens now counts.
func (f *filler) measuring() bool { return time.Since(f.began) < f.b.store.length }

// send sends batches in turn with the other senders.
func (f *filler) send(ctx context.Context, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, uint64(f.began.UnixNano()))) // #nosec G404, G115 -- not a secret
	step := past / time.Duration(f.b.store.events)
	var plain []byte
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	for {
		last := atomic.AddInt64(&f.next, batchSize)
		if last > int64(f.b.store.events) {
			return nil
		}
		plain = append(plain[:0], '[')
		for n := last - batchSize; n < last; n++ {
			if len(plain) > 1 {
				plain = append(plain, ',')
			}
			plain = f.pool.Append(plain, rng, f.from.Add(time.Duration(n)*step))
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
		due := f.began.Add(time.Duration(float64(last-batchSize) / float64(f.b.store.rate) * float64(time.Second)))
		counts := f.measuring()
		if !counts {
			due = time.Now()
		}
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := f.post(ctx, packed.Bytes()); err != nil {
			return err
		}
		if counts && f.measuring() {
			f.mu.Lock()
			f.answers = append(f.answers, time.Since(due))
			f.measured += batchSize
			f.mu.Unlock()
		}
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
		counts := f.measuring()
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
		if counts && found {
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
	length := min(f.b.store.length, time.Since(f.began)).Seconds()
	return []row{
		atLeast("durable ingest", float64(f.measured)/length, min(30_000, float64(f.b.store.rate)), "%.0f events/s",
			fmt.Sprintf("for %.0f s, gzip batches of %d, %d/s asked for; at most %d in flight", length, batchSize, f.b.store.rate, f.lag)),
		atMost("p99 of the 201, from when the batch was due", quantile(f.answers, 0.99)/1000, 150, "%.0f ms", fmt.Sprintf("p50 %.0f ms", quantile(f.answers, 0.5)/1000)),
		atMost("event found after its 201, p99", quantile(f.visible, 0.99)/1e6, 2, "%.2f s", fmt.Sprintf("p50 %.2f s, %d probes", quantile(f.visible, 0.5)/1e6, len(f.visible))),
		atMost("resident memory, at most", mib(f.memory.all), 1024, "%.0f MiB", fmt.Sprintf("%.0f of it anonymous", mib(f.memory.anonymous))),
	}
}
