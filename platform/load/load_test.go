package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		os.Exit(child(mode))
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var quiet = slog.New(slog.DiscardHandler)

// sink remembers what it is told; it fails while there are errors left.
type sink struct {
	mu     sync.Mutex
	seen   map[string][]Seen
	again  map[string][]Seen
	errors int
}

func (s *sink) Seen(_ context.Context, app string, seen []Seen) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.errors > 0 {
		s.errors--
		return errors.New("the sink is blocked")
	}
	if s.seen == nil {
		s.seen = map[string][]Seen{}
	}
	s.seen[app] = append(s.seen[app], seen...)
	return nil
}

func (s *sink) Flush(context.Context) error { return nil }

func (s *sink) SeenAgain(ctx context.Context, app string, seen []Seen) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again == nil {
		s.again = map[string][]Seen{}
	}
	s.again[app] = append(s.again[app], seen...)
	return nil
}

func openJournal(t testing.TB, fs vfs.FS) *journal.Journal {
	t.Helper()
	j, err := journal.Open("journal", journal.Options{FS: fs, Logger: quiet, Clock: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !errors.Is(err, journal.ErrClosed) {
			t.Error(err)
		}
	})
	return j
}

func openStore(t testing.TB, dir string) *events.Store {
	t.Helper()
	s, err := events.Open(filepath.Join(dir, "events.duckdb"), events.Options{MemoryLimit: 512 << 20, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newLoader(t testing.TB, j *journal.Journal, s *events.Store, seen SeenSink) *Loader {
	t.Helper()
	l, err := New(j, s, seen, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func entry(id string) journal.Entry {
	e := wire.Event{
		TransactionID: id,
		UserID:        "u" + id[:1],
		Request:       wire.Request{Time: noon, URI: "/orders/1", Verb: "GET", ContentLength: -1},
		Response:      &wire.Response{Time: noon, Status: 200, ContentLength: -1},
	}
	return journal.Entry{ID: id, Until: noon.Add(31 * 24 * time.Hour), Data: wire.AppendEvent(nil, &e)}
}

func mustAppend(t testing.TB, j *journal.Journal, b journal.Batch) {
	t.Helper()
	if _, err := j.Append(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

// drain loads all there is.
func drain(t testing.TB, l *Loader) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = l.step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func mustBooks(t testing.TB, l *Loader) map[string]Balance {
	t.Helper()
	books, err := l.Books(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	byApp := map[string]Balance{}
	for _, b := range books {
		sum := b.Stored + b.Duplicate + b.InFlight
		for _, n := range b.Rejected {
			sum += n
		}
		for _, n := range b.Dropped {
			sum += n
		}
		if sum != b.Received {
			t.Errorf("%s: received %d, the rest of %+v is %d", b.App, b.Received, b, sum)
		}
		byApp[b.App] = b
	}
	return byApp
}

// ids lists what is stored, sorted.
func ids(t testing.TB, s *events.Store, app string) []string {
	t.Helper()
	var found []string
	page := events.Page{Limit: 1000}
	for {
		list, next, err := s.List(context.Background(), events.Filter{App: app}, page)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			found = append(found, list[i].TransactionID)
		}
		if page.Cursor = next; next == "" {
			slices.Sort(found)
			return found
		}
	}
}

// TestEachEventIsStoredOnceWhateverDies sends every batch several times while the
// journal loses its power, the store is opened again, loads fail half way and
// loaders start anew.
func TestEachEventIsStoredOnceWhateverDies(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			fs := vfs.NewCrashableMem()
			j, s, told := openJournal(t, fs), openStore(t, t.TempDir()), &sink{}
			l := newLoader(t, j, s, told)
			var batches []journal.Batch
			var want []string
			for i := range 30 {
				b := journal.Batch{App: "app", ReceivedAt: noon}
				for k := range 1 + rng.IntN(4) {
					id := fmt.Sprintf("%02d-%d", i, k)
					b.Entries, want = append(b.Entries, entry(id)), append(want, id)
				}
				batches = append(batches, b)
			}
			for round := range 40 {
				mustAppend(t, j, batches[rng.IntN(len(batches))])
				switch rng.IntN(6) {
				case 0: // the power is cut
					next := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
					if err := j.Close(); err != nil {
						t.Fatal(err)
					}
					fs, j = next, openJournal(t, next)
					l = newLoader(t, j, s, told)
				case 1: // the store is cut off between a load and its acknowledgement
					if _, err := l.step(context.Background()); err != nil {
						t.Fatal(err)
					}
					if err := s.Reopen(context.Background()); err != nil {
						t.Fatal(err)
					}
					l = newLoader(t, j, s, told)
				case 2: // the load fails half way
					told.errors = 1
					if _, err := l.step(context.Background()); err == nil && told.errors == 0 {
						t.Fatal("the sink's error was swallowed")
					}
					told.errors = 0
				case 3:
					drain(t, l)
					if err := l.trim(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				if round%10 == 0 {
					mustBooks(t, l)
				}
			}
			for _, b := range batches {
				mustAppend(t, j, b)
			}
			drain(t, l)
			slices.Sort(want)
			if got := ids(t, s, "app"); !slices.Equal(got, want) {
				t.Errorf("stored %d events, want %d\n%v\n%v", len(got), len(want), got, want)
			}
			if b := mustBooks(t, l)["app"]; b.InFlight != 0 || b.Stored != int64(len(want)) {
				t.Errorf("books %+v", b)
			}
		})
	}
}

func TestBooksBalanceWithActionsRejectsAndWhatCannotBeRead(t *testing.T) {
	j, s := openJournal(t, vfs.NewMem()), openStore(t, t.TempDir())
	l := newLoader(t, j, s, &sink{})
	action := journal.Entry{Kind: journal.Action, ID: "1", Until: noon.Add(time.Hour), Data: []byte(`{"action_name":"clicked","request":{"uri":"/"}}`)}
	broken := journal.Entry{Data: []byte(`{"request":{}}`)}
	b := journal.Batch{App: "a", ReceivedAt: noon, Entries: []journal.Entry{entry("1"), entry("1"), action, broken}, Rejected: map[string]int{"too_old": 3}}
	mustAppend(t, j, b)
	if got := mustBooks(t, l)["a"]; got.Received != 7 || got.InFlight != 3 || got.Stored != 0 {
		t.Errorf("before the load: %+v", got)
	}
	drain(t, l)
	want := Balance{App: "a", Received: 7, Stored: 2, Duplicate: 1, Rejected: map[string]int64{"too_old": 3}, Dropped: map[string]int64{unreadable: 1}}
	if got := mustBooks(t, l)["a"]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after the load: %+v, want %+v", got, want)
	}
}

// A version before wrote events in JSON; what it had not loaded is loaded by this one.
func TestEventsOfBothFormsAreLoaded(t *testing.T) {
	j, s := openJournal(t, vfs.NewMem()), openStore(t, t.TempDir())
	l := newLoader(t, j, s, &sink{})
	whole := wire.Event{
		UserID: "ada", CompanyID: "acme", SubscriptionID: "sub", SessionToken: "s", Direction: "Incoming", Weight: 3, BlockedBy: "r", Metadata: []byte(`{"a":1}`),
		Request: wire.Request{Time: noon, URI: "https://h/a?b=c", Verb: "POST", Headers: wire.Headers{{Name: "A", Value: "b"}, {Name: "C", Value: ""}}, APIVersion: "1", IPAddress: "::1",
			Body: []byte(`{"b":2}`), TransferEncoding: "json", ContentLength: 7},
		Response: &wire.Response{Time: noon.Add(time.Second), Status: 201, Headers: wire.Headers{{Name: "D", Value: "e"}}, IPAddress: "::2", Body: []byte(`"aGk="`), TransferEncoding: "base64", ContentLength: 2},
	}
	var entries []journal.Entry
	for _, id := range []string{"json", "packed"} {
		whole.TransactionID = id
		data := wire.AppendEvent(nil, &whole)
		if id == "packed" {
			data = journal.AppendEvent(nil, &whole)
		}
		entries = append(entries, journal.Entry{ID: id, Until: noon.Add(time.Hour), Data: data})
	}
	broken := journal.Entry{Data: entries[1].Data[:40]}
	mustAppend(t, j, journal.Batch{App: "a", ReceivedAt: noon, Entries: append(entries, broken)})
	drain(t, l)
	if got := mustBooks(t, l)["a"]; got.Stored != 2 || got.Dropped[unreadable] != 1 {
		t.Errorf("books %+v", got)
	}
	list, _, err := s.List(t.Context(), events.Filter{App: "a"}, events.Page{Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, listed := range list {
		got, err := s.Get(t.Context(), "a", listed.TransactionID)
		whole.TransactionID = listed.TransactionID
		if err != nil || !reflect.DeepEqual(got, whole) {
			t.Errorf("%v, got\n%+v %+v\nwant %+v %+v", err, got, got.Response, whole, whole.Response)
		}
	}
}

func TestAJournalThatWasLostGoesOnBehindTheStore(t *testing.T) {
	s := openStore(t, t.TempDir())
	j := openJournal(t, vfs.NewMem())
	l := newLoader(t, j, s, &sink{})
	for i := range 3 {
		mustAppend(t, j, journal.Batch{App: "a", ReceivedAt: noon, Entries: []journal.Entry{entry(fmt.Sprint("old", i))}})
	}
	drain(t, l)
	j = openJournal(t, vfs.NewMem())
	l = newLoader(t, j, s, &sink{})
	mustAppend(t, j, journal.Batch{App: "a", ReceivedAt: noon, Entries: []journal.Entry{entry("new")}})
	drain(t, l)
	if got := ids(t, s, "a"); !slices.Contains(got, "new") || len(got) != 4 {
		t.Errorf("stored %v", got)
	}
}

func TestRunMakesEventsVisibleAndOutlivesAFailingSink(t *testing.T) {
	j, s, told := openJournal(t, vfs.NewMem()), openStore(t, t.TempDir()), &sink{errors: 1}
	l := newLoader(t, j, s, told)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	for i := range 5 {
		mustAppend(t, j, journal.Batch{App: "a", ReceivedAt: noon, Entries: []journal.Entry{entry(fmt.Sprint(i))}})
		within(t, 2*time.Second, func() bool { return mustBooks(t, l)["a"].Stored == int64(i+1) })
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	if len(told.seen["a"]) == 0 {
		t.Error("the sink was told nothing")
	}
}

func TestRunEndsWithTheJournal(t *testing.T) {
	j := openJournal(t, vfs.NewMem())
	l := newLoader(t, j, openStore(t, t.TempDir()), &sink{})
	ended := make(chan error, 1)
	go func() { ended <- l.Run(context.Background()) }()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("run: %v, want %v", err, journal.ErrClosed)
	}
}

// within waits for a condition.
func within(t testing.TB, d time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s", d)
		}
	}
}

func TestWhoWasSeen(t *testing.T) {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	call := func(user, company string, n int) wire.Event {
		return wire.Event{UserID: user, CompanyID: company, Request: wire.Request{Time: at(n)}}
	}
	got := whoWasSeen([]events.Block{
		{App: "a", ReceivedAt: noon, Events: []wire.Event{call("u", "old", -5), call("u", "new", -2), call("u", "", -1), call("", "", 0), call("u", "older", -9)}},
		{App: "a", ReceivedAt: noon, Events: []wire.Event{call("ahead", "", 60)}, Actions: []wire.Action{{UserID: "clicks"}}},
		{App: "b", ReceivedAt: noon, Events: []wire.Event{call("u", "", 1)}},
	})
	show := func(seen []Seen) string {
		var lines []string
		for _, s := range seen {
			lines = append(lines, fmt.Sprintf("%s %s %v %v %s", s.Kind, s.ID, s.First.Sub(noon), s.Last.Sub(noon), s.Company))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	want := strings.Join([]string{
		"company new -2m0s -2m0s ",
		"company old -5m0s -5m0s ",
		"company older -9m0s -9m0s ",
		"user ahead 0s 0s ",
		"user clicks 0s 0s ",
		"user u -9m0s -1m0s new",
	}, "\n")
	if show(got["a"]) != want {
		t.Errorf("got\n%s\nwant\n%s", show(got["a"]), want)
	}
	if show(got["b"]) != "user u 1m0s 1m0s " {
		t.Errorf("in b: %s", show(got["b"]))
	}
}

// What remembers who was seen would otherwise remember all that came with them.
func TestWhoWasSeenIsToldWithoutTheRestOfTheBlock(t *testing.T) {
	sent := wire.Event{UserID: "u", CompanyID: "c", Request: wire.Request{Time: noon, URI: "/", Verb: "GET"}}
	data := journal.AppendEvent(nil, &sent)
	var r journal.EventReader
	var e wire.Event
	if err := r.Read(&e, data); err != nil {
		t.Fatal(err)
	}
	got := whoWasSeen([]events.Block{{App: "a", ReceivedAt: noon, Events: []wire.Event{e}}})["a"]
	clear(data)
	want := []Seen{{Kind: Company, ID: "c", First: noon, Last: noon}, {Kind: User, ID: "u", First: noon, Last: noon, Company: "c"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// readBefore is a store of which somebody reads what was before a change, for long.
type readBefore struct{ *events.Store }

func (readBefore) Sync(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestLoadingDoesNotWaitForALongReader(t *testing.T) {
	j, s := openJournal(t, vfs.NewMem()), openStore(t, t.TempDir())
	l, err := New(j, readBefore{s}, &sink{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, journal.Batch{App: "a", ReceivedAt: noon, Entries: []journal.Entry{entry("1")}})
	drain(t, l)
	if err := l.trim(t.Context()); err != nil || l.trimmed != 0 {
		t.Errorf("trimmed up to block %d while the store cannot be written, %v", l.trimmed, err)
	}
	l.store = s
	if err := l.trim(t.Context()); err != nil || l.trimmed != 1 {
		t.Errorf("trimmed up to block %d of 1 afterwards, %v", l.trimmed, err)
	}
}
