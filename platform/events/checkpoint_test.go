package events

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// crashed opens what a crash would leave of the store.
func crashed(t *testing.T, s *Store) *Store {
	t.Helper()
	data, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "crashed.duckdb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return openPath(t, path, Options{})
}

// holds checks up to which block a store is, and how many rows it has.
func holds(t *testing.T, s *Store, position uint64, rows int64) {
	t.Helper()
	books, err := s.Books(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if books.Position != position || books.Stored["a"] != rows {
		t.Errorf("%d rows up to block %d, want %d up to %d", books.Stored["a"], books.Position, rows, position)
	}
}

func TestALoadDuringACheckpointMayBringMore(t *testing.T) {
	s := open(t)
	s.checkpoints.unsynced.events.rows = syncRows - 15
	rows := func(n int) []Block { return []Block{{Events: calls(n)}} }
	if few, many := s.Room(rows(14)), s.Room(rows(15)); few != LoadRows || many != duringRows {
		t.Errorf("room for %d rows, and for %d during the checkpoint", few, many)
	}
}

func TestTheFileIsWrittenWhenARowGroupIsFull(t *testing.T) {
	s := open(t)
	load := func() {
		loadNext(t, s, "a", noon, calls(10)...)
		s.checkpoints.others.Wait()
	}
	load()
	s.checkpoints.unsynced.events.rows = syncRows - 15
	load()
	if s.Synced() != 0 {
		t.Error("it was written before the row group was full")
	}
	load()
	if s.Synced() != 3 || s.checkpoints.unsynced.events.rows != 0 {
		t.Errorf("written up to block %d of 3, and %d rows are not", s.Synced(), s.checkpoints.unsynced.events.rows)
	}
	load()
	holds(t, s, 4, 40)
	c := crashed(t, s)
	holds(t, c, 3, 30)
	if c.Synced() != 3 {
		t.Errorf("a store that was opened is written up to block %d of 3", c.Synced())
	}
}

func TestTheFileIsWrittenWhenThereAreManyBytes(t *testing.T) {
	s := open(t)
	loadNext(t, s, "a", noon, calls(10)...)
	if got := s.checkpoints.unsynced.bytes(); got < 10*rowBytes || got > 20*rowBytes {
		t.Errorf("10 small events count as %d bytes", got)
	}
	s.checkpoints.unsynced.bodies = run{rows: 50_000, bytes: maxUnsynced}
	loadNext(t, s, "a", noon, calls(10)...)
	s.checkpoints.others.Wait()
	if s.Synced() != 2 || s.checkpoints.unsynced != (bulk{}) || s.checkpoints.heavy.Load() != 0 {
		t.Errorf("written up to block %d of 2, %+v to come, heavy up to %d", s.Synced(), s.checkpoints.unsynced, s.checkpoints.heavy.Load())
	}
}

// Beside what DuckDB has a load wait for, it waits when there is as much again.
func TestALoadWaitsForACheckpointWhenThereIsAsMuchAgain(t *testing.T) {
	s := open(t)
	s.checkpoints.making.Lock()
	s.checkpoints.unsynced.events.rows = 2*syncRows - 15
	loadNext(t, s, "a", noon, calls(10)...)
	loaded := make(chan error, 1)
	go func() {
		loaded <- s.Load(context.Background(), 1, []Block{{Seq: 2, App: "a", ReceivedAt: noon, Events: calls(10)}})
	}()
	for position := uint64(0); position < 2; {
		var err error
		if position, err = s.Position(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(loaded) > 0 {
		t.Error("there is no bound to what is not written")
	}
	s.checkpoints.making.Unlock()
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	s.checkpoints.others.Wait()
	if s.Synced() != 2 {
		t.Errorf("written up to block %d of 2", s.Synced())
	}
}

func TestSyncAndCloseWriteTheFile(t *testing.T) {
	s := open(t)
	loadNext(t, s, "a", noon, calls(10)...)
	holds(t, crashed(t, s), 0, 0)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Synced() != 1 {
		t.Errorf("written up to block %d of 1", s.Synced())
	}
	holds(t, crashed(t, s), 1, 10)
	loadNext(t, s, "a", noon, calls(10)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, crashed(t, s), 2, 20)
}

func TestAStoreThatHasLostBlocksRefusesWhatComesBehindThem(t *testing.T) {
	s := open(t)
	next := []Block{{Seq: 8, App: "a", ReceivedAt: noon, Events: []wire.Event{call("1", 0)}}}
	if err := s.Load(t.Context(), 7, next); err == nil {
		t.Error("blocks were loaded, and those before them are not there")
	}
	holds(t, s, 0, 0)
	if err := s.Load(t.Context(), 0, next); err != nil {
		t.Error(err)
	}
	holds(t, s, 8, 1)
}

// A checkpoint that was begun before the file was opened again says nothing of it.
func TestACheckpointOfAFormerOpening(t *testing.T) {
	s := open(t)
	loadNext(t, s, "a", noon, calls(10)...)
	before := s.checkpoints.synced.Load()
	s.checkpoints.unsynced.events.rows = syncRows
	s.use.Lock() // whoever makes it has to wait
	s.opening--
	s.loaded([]Block{{Seq: 99}})
	s.opening++
	s.use.Unlock()
	s.checkpoints.others.Wait()
	if got := s.Synced(); got != before {
		t.Errorf("the file is said to have blocks up to %d", got)
	}
}

// DuckDB writes no file while somebody reads what was before a change.
func TestSyncWaitsForWhoReads(t *testing.T) {
	s := open(t)
	loadNext(t, s, "a", noon, calls(10)...)
	err := s.snapshot(t.Context(), func(tx *sql.Tx) error {
		if _, err := readPosition(t.Context(), tx); err != nil {
			return err
		}
		loadNext(t, s, "a", noon, calls(10)...)
		short, cancel := context.WithTimeout(t.Context(), 3*syncAgain)
		defer cancel()
		if err := s.Sync(short); !isBusy(err) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("written while somebody reads: %v", err)
		}
		s.checkpoints.unsynced.events.rows = syncRows
		loadNext(t, s, "a", noon, calls(10)...)
		s.checkpoints.others.Wait()
		if s.Synced() != 0 || !s.checkpoints.due.Load() {
			t.Errorf("written up to block %d while somebody reads", s.Synced())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	loadNext(t, s, "a", noon, calls(10)...)
	s.checkpoints.others.Wait()
	if s.Synced() != 4 {
		t.Errorf("written up to block %d of 4 once nobody reads", s.Synced())
	}
}

// An earlier program had DuckDB write a log, which it leaves behind when it is killed.
func TestALogThatIsLeftIsTakenIntoTheFile(t *testing.T) {
	s := open(t)
	loadNext(t, s, "a", noon, calls(10)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	earlier, err := sql.Open("duckdb", s.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"INSERT INTO dropped VALUES ('a', 'logged', 7)", "UPDATE position SET seq = 9"} {
		if _, err := earlier.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	killed := filepath.Join(t.TempDir(), "events.duckdb")
	for _, ending := range []string{"", ".wal"} {
		data, err := os.ReadFile(s.path + ending)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+ending, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := earlier.Close(); err != nil {
		t.Fatal(err)
	}
	k := openPath(t, killed, Options{})
	holds(t, k, 9, 10)
	if logs, err := k.files(); err != nil || len(logs) > 0 || k.Synced() != 9 {
		t.Errorf("logs %q are left, written up to block %d of 9, %v", logs, k.Synced(), err)
	}
	c := crashed(t, k)
	holds(t, c, 9, 10)
	if books, err := c.Books(t.Context()); err != nil || books.Dropped["a"]["logged"] != 7 {
		t.Errorf("books %+v, %v", books, err)
	}
}
