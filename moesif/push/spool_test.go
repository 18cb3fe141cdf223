package push

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

// A collector that is away when the process ends gets everything from the next one.
func TestWhatIsNotDeliveredIsSentAtTheNextStart(t *testing.T) {
	o := queue.Options{BatchSize: 8, Spool: queue.Spool{Dir: filepath.Join(t.TempDir(), "spool")}}
	q := open(t, o)
	put(q, span(0, 50)...)
	p := pusher(t, q, &collector{answer: func([]int, *http.Request) (*http.Response, error) { return status(503) }})
	err := finish(t, p, 200*time.Millisecond)
	want := "push: 50 events not delivered: the collector is not available (503); kept in " + o.Spool.Dir + ", sent at the next start"
	if err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if s := balance(t, q, 50); s.Spooled != 50 {
		t.Fatalf("%+v", s)
	}

	q = open(t, o)
	put(q, span(50, 60)...)
	c := &collector{answer: func([]int, *http.Request) (*http.Response, error) { return status(201) }}
	if err := finish(t, pusher(t, q, c), time.Minute); err != nil {
		t.Fatal(err)
	}
	_, taken := c.snapshot()
	if slices.Sort(taken); !slices.Equal(taken, span(0, 60)) {
		t.Fatalf("delivered %v", taken)
	}
	if s := balance(t, q, 10); s.Recovered != 50 || s.Sent != 60 || s.SpooledBytes != 0 {
		t.Fatalf("%+v", s)
	}
}

func pusher(t *testing.T, q *queue.Queue, c *collector) *Pusher {
	t.Helper()
	p, err := New(Options{URL: "http://collector.test", ApplicationID: "app", Transport: c}, q)
	if err != nil {
		t.Fatal(err)
	}
	go p.Run(context.Background())
	return p
}

// A disk that cannot be read just now is no reason to give up its events.
func TestBlocksThatCannotBeReadAreKept(t *testing.T) {
	o := queue.Options{BatchSize: 8, Spool: queue.Spool{Dir: t.TempDir()}}
	q := open(t, o)
	put(q, span(0, 20)...)
	if _, err := q.Save(); err != nil {
		t.Fatal(err)
	}
	q = open(t, o)
	segments, err := filepath.Glob(filepath.Join(o.Spool.Dir, "*.spool"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(segments[0], away); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(segments[0], 0o700); err != nil { // a name that cannot be read
		t.Fatal(err)
	}
	c := &collector{answer: func([]int, *http.Request) (*http.Response, error) { return status(201) }}
	err = finish(t, pusher(t, q, c), time.Minute)
	if want := "push: 20 events not delivered: they cannot be read; kept in " + o.Spool.Dir + ", sent at the next start"; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if s := balance(t, q, 0); s.Recovered != 20 || s.Queued != 20 {
		t.Fatalf("%+v", s)
	}
	if err := os.Remove(segments[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, segments[0]); err != nil {
		t.Fatal(err)
	}
	q = open(t, o)
	if err := finish(t, pusher(t, q, c), time.Minute); err != nil {
		t.Fatal(err)
	}
	if s := balance(t, q, 0); s.Sent != 20 {
		t.Fatalf("%+v", s)
	}
}
