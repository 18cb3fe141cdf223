package push

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event is an item with a number for a body.
type event struct {
	queue.Node
	id      int
	skipped bool
}

func (e *event) Size() int { return 1000 }
func (e *event) Judge() queue.Verdict {
	if e.skipped {
		return queue.Skip
	}
	return queue.Report
}

// open is queue.Open without an error.
func open(t testing.TB, o queue.Options) *queue.Queue {
	t.Helper()
	q, err := queue.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (e *event) AppendEvent(dst []byte) []byte { return strconv.AppendInt(dst, int64(e.id), 10) }

func put(q *queue.Queue, ids ...int) {
	for _, id := range ids {
		q.Put(&event{id: id})
	}
}

func span(from, to int) []int {
	var s []int
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}

// collector answers pushes in memory.
type collector struct {
	// answer gives the answer to a batch; an error is a broken connection.
	answer func(ids []int, r *http.Request) (*http.Response, error)

	mu     sync.Mutex
	busy   int         // requests under way
	most   int         // at a time
	calls  []time.Time // when each came in
	taken  []int       // ids answered with 2xx, in order
	copies map[int]int // how often each id was seen
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	zr, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	var ids []int
	if err := json.NewDecoder(zr).Decode(&ids); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.busy++
	c.most = max(c.most, c.busy)
	c.calls = append(c.calls, time.Now())
	if c.copies == nil {
		c.copies = map[int]int{}
	}
	for _, id := range ids {
		c.copies[id]++
	}
	c.mu.Unlock()
	resp, err := c.answer(ids, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	if err == nil && resp.StatusCode/100 == 2 {
		c.taken = append(c.taken, ids...)
	}
	return resp, err
}

func (c *collector) snapshot() (calls []time.Time, taken []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls), slices.Clone(c.taken)
}

func status(code int, header ...string) (*http.Response, error) {
	return reply(code, "", header...)
}

func reply(code int, body string, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// after waits like a slow server, or until the client gives up.
func after(r *http.Request, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

var errBroken = errors.New("connection reset by peer")

// poison answers 400 to batches with one of these ids in them, else 201.
func poison(bad ...int) func([]int, *http.Request) (*http.Response, error) {
	return func(ids []int, _ *http.Request) (*http.Response, error) {
		if slices.ContainsFunc(ids, func(id int) bool { return slices.Contains(bad, id) }) {
			return status(http.StatusBadRequest)
		}
		return status(http.StatusCreated)
	}
}

// start runs a pusher of a new queue in a bubble, with blocks of 8 events.
func start(t testing.TB, c *collector, o Options) (*queue.Queue, *Pusher) {
	t.Helper()
	q := open(t, queue.Options{BatchSize: 8, FlushAfter: time.Second})
	o.URL, o.ApplicationID, o.Transport = "http://collector.test", "app", c
	p, err := New(o, q)
	if err != nil {
		t.Fatal(err)
	}
	go p.Run(context.Background())
	t.Cleanup(func() { finish(t, p, 0) })
	return q, p
}

// finish closes p within d and returns its error.
func finish(t testing.TB, p *Pusher, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return p.Close(ctx)
}

// balance fails the test unless the books agree with n calls of Put.
func balance(t testing.TB, q *queue.Queue, n int) queue.Stats {
	t.Helper()
	s := q.Stats()
	sum := s.Sent + s.Skipped + s.Queued - s.Recovered
	for _, k := range s.Rejected {
		sum += k
	}
	for _, k := range s.Dropped {
		sum += k
	}
	if s.Put != int64(n) || sum != int64(n) || s.Queued < 0 || (s.Queued == 0) != (s.QueuedBytes == 0) {
		t.Fatalf("put %d, but the books say %+v", n, s)
	}
	return s
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// logger collects what is logged, without attributes.
type logger struct {
	mu    sync.Mutex
	lines []string
}

func (l *logger) slog() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key != slog.MessageKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func (l *logger) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(bytes.TrimSpace(b)))
	return len(b), nil
}

func (l *logger) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}
