package events

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// heavyCalls are calls whose bodies hardly get smaller, of two users by turns.
func heavyCalls(random *rand.ChaCha8, first, n, bytes int) []wire.Event {
	raw := make([]byte, bytes*3/4)
	list := make([]wire.Event, n)
	for i := range list {
		e := call(fmt.Sprintf("heavy-%04d", first+i), first+i-1000)
		_, _ = random.Read(raw)
		e.UserID = fmt.Sprintf("user-%d", i%2)
		e.Request.Body = fmt.Appendf(nil, `{"n":%d,"even":%t}`, first+i, i%2 == 0)
		e.Response.Body = fmt.Appendf(nil, `{"data":"%s"}`, base64.StdEncoding.EncodeToString(raw))
		list[i] = e
	}
	return list
}

// heavyStore has 800 calls with bodies of 450 KB, and 800 of another
// application with small ones. Joined, the large ones would not fit into DuckDB's memory.
func heavyStore(t *testing.T) *Store {
	t.Helper()
	s := openWith(t, Options{MemoryLimit: defaultMemoryLimit})
	random := rand.NewChaCha8([32]byte{1})
	for i := range 10 {
		loadNext(t, s, "app", noon, heavyCalls(random, 80*i, 80, 450<<10)...)
		loadNext(t, s, "small", noon, heavyCalls(random, 80*i, 80, 100)...)
		s.checkpoints.others.Wait()
		if err := s.Sync(t.Context()); err != nil {
			t.Fatalf("after %d loads: %v", i+1, err)
		}
	}
	return s
}

func TestLargeBodies(t *testing.T) {
	s := heavyStore(t)
	all := Filter{App: "app", From: noon.Add(-time.Hour), To: noon}

	t.Run("list", func(t *testing.T) {
		n := 0
		for p := (Page{Limit: 300, Bodies: true}); n < 800; {
			list, next, err := s.List(t.Context(), all, p)
			if err != nil {
				t.Fatal(err)
			}
			bytes := 0
			for i := range list {
				n++
				if want := fmt.Sprintf("heavy-%04d", 800-n); list[i].TransactionID != want {
					t.Fatalf("event %d is %s, want %s", n, list[i].TransactionID, want)
				}
				if p.Bodies && len(list[i].Response.Body) < 450<<10 {
					t.Fatalf("event %d has a body of %d bytes", n, len(list[i].Response.Body))
				}
				bytes += bodyBytes(&list[i])
			}
			if bytes > maxPageBodies {
				t.Errorf("a page of %d bytes", bytes)
			}
			if p.Bodies && bytes < maxPageBodies/2 {
				t.Errorf("a page of %d bytes only", bytes)
			}
			p = Page{Limit: 1000, Cursor: next, Bodies: p.Bodies && n < 100}
			if (next == "") != (n == 800) {
				t.Fatalf("the next page after %d events is %q", n, next)
			}
		}
	})
	t.Run("analysis", func(t *testing.T) {
		got, err := s.Analyse(t.Context(), Analysis{
			App: "app", From: all.From, To: all.To, Groups: []string{"request.body.even"},
			Metrics: []Metric{{Kind: "count"}, {Kind: "sum", Field: "request.body.n"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Lines) != 2 || *got.Lines[0].Values[0] != 400 || *got.Lines[0].Values[1]+*got.Lines[1].Values[1] != 799*400 {
			t.Errorf("lines %+v", got.Lines)
		}
	})
	t.Run("search", func(t *testing.T) {
		got, err := s.Search(t.Context(), Search{Filter: all, Where: Containing{searchField(t, "response.body.data"), "A"}, Limit: 3, Bodies: true})
		if err != nil || got.Total != 800 || len(got.Events) != 3 {
			t.Errorf("%d found, %v", got.Total, err)
		}
		if _, err := s.Search(t.Context(), Search{Filter: all, Limit: 200, Bodies: true}); !errors.Is(err, ErrQuestion) {
			t.Errorf("hits of 90 MB: %v", err)
		}
	})
	t.Run("export", func(t *testing.T) {
		export := func(from time.Time, format string) (int64, error) {
			path := filepath.Join(t.TempDir(), "events")
			f := all
			f.From = from
			if err := s.Export(t.Context(), f, format, path, true); err != nil {
				return 0, err
			}
			info, err := os.Stat(path)
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		}
		for _, format := range []string{CSV, Parquet} {
			if bytes, err := export(noon.Add(-300*time.Second), format); err != nil || bytes < 100*(300<<10) {
				t.Errorf("a few minutes as %s: %d bytes, %v", format, bytes, err)
			}
		}
		if _, err := export(all.From, CSV); !errors.Is(err, ErrMemory) || s.Ready() != nil {
			t.Errorf("an hour: %v, and then %v", err, s.Ready())
		}
	})
	t.Run("walk", func(t *testing.T) {
		n := 0
		err := s.Walk(t.Context(), Walk{App: "app", From: all.From, To: all.To, Bodies: true}, func(*wire.Event) error { n++; return nil })
		if err != nil || n != 800 {
			t.Errorf("%d calls, %v", n, err)
		}
	})
	t.Run("erase", func(t *testing.T) {
		gone, err := s.Erase(t.Context(), "app", ByUser, "user-1")
		if err != nil || gone.Events != 400 || gone.Bodies != 400 {
			t.Fatalf("%+v are gone, %v", gone, err)
		}
		before, err := s.Size()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Rewrite(t.Context()); err != nil {
			t.Fatal(err)
		}
		after, err := s.Size()
		if err != nil || after > before*6/10 {
			t.Errorf("%d bytes, %d after half of it was erased: %v", before, after, err)
		}
	})
	t.Run("verify", func(t *testing.T) {
		got, err := s.Verify(t.Context())
		if err != nil || got.Events != 1200 || got.Bodies != 1200 || len(got.Faults) > 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("crash", func(t *testing.T) {
		loadNext(t, s, "small", noon, calls(10)...)
		c := crashed(t, s)
		holds(t, c, 20, 0)
		if c.checkpoints.heavy.Load() != 19 {
			t.Errorf("heavy up to block %d", c.checkpoints.heavy.Load())
		}
		loadNext(t, c, "small", noon, calls(10)...)
		if err := c.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		if _, _, err := c.Prune(t.Context(), Cut{App: "app", Events: noon.AddDate(0, 0, 1)}); err != nil {
			t.Error(err)
		}
	})
}

func TestRowsAreHeavyByTheirMean(t *testing.T) {
	block := func(body int, n int) []Block {
		list := calls(n)
		for i := range list {
			list[i].Request.Body = make([]byte, body)
		}
		return []Block{{Events: list}}
	}
	for _, c := range []struct {
		name         string
		blocks       []Block
		heavy, fills bool
	}{
		{"nothing", nil, false, false},
		{"small", block(1000, 100), false, false},
		{"large", block(40<<10, 10), true, false},
		{"few large ones among small ones", append(block(40<<10, 10), block(100, 100)...), false, false},
		{"as many large ones as are unpacked together", block(20<<10, 2000), false, true},
		{"small ones with a large one now and then", append(block(100, 2*vectorRows), block(400<<10, 50)...), false, false},
		{"actions", []Block{{Actions: []wire.Action{{Metadata: make([]byte, 100<<10)}}}}, true, false},
		{"metadata", []Block{{Events: []wire.Event{{Metadata: make([]byte, 100<<10)}}}}, true, false},
	} {
		var b bulk
		b.add(c.blocks)
		if b.isHeavy() != c.heavy || b.fills(1) != c.fills {
			t.Errorf("%s: heavy %t, fills a checkpoint %t: %+v", c.name, b.isHeavy(), b.fills(1), b)
		}
	}
}

func TestLargeRowsOfThePreviousSchemaAreNotJoined(t *testing.T) {
	for _, c := range []struct {
		bytes int
		heavy int64
	}{{100, 0}, {40 << 10, 2}} {
		s := open(t)
		loadNext(t, s, "app", noon, heavyCalls(rand.NewChaCha8([32]byte{}), 0, 10, 100)...)
		loadNext(t, s, "app", noon, heavyCalls(rand.NewChaCha8([32]byte{}), 10, 10, c.bytes)...)
		before := []string{"ALTER TABLE position DROP COLUMN heavy", "DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)"}
		for _, text := range before {
			if _, err := s.writer.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		s.checkpoints.unsynced = bulk{} // there is nowhere to say it
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Reopen(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.checkpoints.heavy.Load(); got != c.heavy {
			t.Errorf("with bodies of %d bytes heavy up to block %d, want %d", c.bytes, got, c.heavy)
		}
		holds(t, s, 2, 0)
		// Once none of them is left, there is nothing that could be too large.
		if _, err := s.writer.ExecContext(t.Context(), "DELETE FROM events"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Sync(t.Context()), s.Reopen(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got := s.checkpoints.heavy.Load(); got != 0 {
			t.Errorf("heavy up to block %d, and all of it is gone", got)
		}
	}
}

func TestAPageWhoseBodiesCannotBeReadIsAnError(t *testing.T) {
	s := open(t)
	loadNext(t, s, "app", noon, heavyCalls(rand.NewChaCha8([32]byte{}), 0, 3, 100)...)
	if _, err := s.writer.ExecContext(t.Context(), "ALTER TABLE bodies DROP COLUMN response_body"); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 2, 10} {
		if list, next, err := s.List(t.Context(), Filter{App: "app"}, Page{Limit: limit, Bodies: true}); err == nil || list != nil || next != "" {
			t.Errorf("%d events, next %q, %v", len(list), next, err)
		}
	}
	if _, err := s.Get(t.Context(), "app", "heavy-0001"); err == nil {
		t.Error("an event without its bodies")
	}
	if _, err := s.Search(t.Context(), Search{Filter: Filter{App: "app"}, Limit: 2, Bodies: true}); err == nil {
		t.Error("hits without their bodies")
	}
}
