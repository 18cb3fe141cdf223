package platform_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform"
	"github.com/gatemeter/gatemeter/platform/backup"
)

// batchOf returns events with the given ids.
func batchOf(ids []string) string {
	calls := make([]string, len(ids))
	at := time.Now().UTC().Format(goTime)
	for i, id := range ids {
		calls[i] = fmt.Sprintf(`{"request":{"time":%q,"uri":"https://api.test/orders/7","verb":"GET","headers":{}},`+
			`"response":{"time":%q,"status":200,"headers":{}},"user_id":"ada","company_id":"acme","transaction_id":%q}`, at, at, id)
	}
	return "[" + strings.Join(calls, ",") + "]"
}

// sendUntil sends batches from several sides until stop is closed, and returns
// the ids that were acknowledged before the moment that mark told.
func (s *server) sendUntil(stop <-chan struct{}, mark *atomic.Bool) (before func() []string) {
	var mu sync.Mutex
	var ids []string
	var all sync.WaitGroup
	for side := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				batch := make([]string, 20)
				for i := range batch {
					batch[i] = fmt.Sprintf("side-%d-batch-%d-event-%d", side, n, i)
				}
				a, err := s.try(http.MethodPost, "/v1/events/batch", batchOf(batch), "X-Moesif-Application-Id", s.appID)
				if err != nil || a.status != http.StatusCreated {
					s.t.Errorf("%v, %d %s", err, a.status, a.body)
					return
				}
				mu.Lock()
				if !mark.Load() {
					ids = append(ids, batch...)
				}
				mu.Unlock()
			}
		}()
	}
	return func() []string { all.Wait(); return ids }
}

type booksAnswer struct {
	Apps []struct {
		Received, Stored, Duplicate int64
		InFlight                    int64 `json:"in_flight"`
		Rejected, Dropped           map[string]int64
	}
}

func (s *server) books() (b booksAnswer) {
	s.ask("/pipeline", &b)
	return b
}

// everyID pages through all events and counts each id.
func (s *server) everyID() map[string]int {
	seen := map[string]int{}
	for cursor := ""; ; {
		list := s.events("?limit=1000&bodies=false&cursor=" + cursor)
		for _, e := range list.Events {
			seen[e.TransactionID]++
		}
		if cursor = list.Next; cursor == "" {
			return seen
		}
	}
}

func TestABackupTakenUnderLoadHoldsWhatWasAcknowledgedOnce(t *testing.T) {
	s := start(t, t.TempDir())
	stop := make(chan struct{})
	var marked atomic.Bool
	acknowledged := s.sendUntil(stop, &marked)
	eventually(t, "events in the store and on the way to it", func() bool {
		b := s.books()
		return b.Apps[0].Stored > 2000
	})
	marked.Store(true) // whatever is acknowledged by now has to be in it
	a := s.do(http.MethodPost, "/api/v1/backup", "", "Authorization", "Bearer "+adminToken)
	close(stop)
	before := acknowledged()
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/x-tar" {
		t.Fatalf("%d %s", a.status, a.header)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "backup-*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}

	dir := filepath.Join(t.TempDir(), "restored")
	m, err := backup.Restore(bytes.NewReader(a.body), dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != "test" || len(m.Files) < 4 {
		t.Errorf("manifest %+v", m)
	}
	r := start(t, dir)
	eventually(t, "what was in the journal is loaded", func() bool { return r.books().Apps[0].InFlight == 0 })
	seen := r.everyID()
	for _, id := range before {
		if seen[id] != 1 {
			t.Fatalf("%s is there %d times", id, seen[id])
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Fatalf("%s is there %d times", id, n)
		}
	}
	b := r.books().Apps[0]
	if b.Received != b.Stored || b.Stored != int64(len(seen)) {
		t.Errorf("books %+v, %d events", b, len(seen))
	}

	// It goes on: what it knows is a duplicate, what it does not is stored.
	r.collect("/v1/events/batch", batchOf(append(before[:20:20], "quite-new")))
	eventually(t, "one more event", func() bool { return r.books().Apps[0].Stored == b.Stored+1 })
	if after := r.books().Apps[0]; after.Duplicate != 20 || after.Received != b.Received+21 {
		t.Errorf("books %+v, before %+v", after, b)
	}
}

func TestABackupOfAStoppedPlatformIsRestored(t *testing.T) {
	s := start(t, t.TempDir())
	if err := platform.BackupStopped(t.Context(), s.dir, "test", time.Now(), io.Discard); err == nil || !strings.Contains(err.Error(), "another gatemeter uses it") {
		t.Errorf("of one that runs: %v", err)
	}
	s.collect("/v1/events/batch", batchOf([]string{"one", "two"}))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := platform.BackupStopped(t.Context(), s.dir, "test", time.Now(), &archive); err != nil {
		t.Fatal(err)
	}
	// Through a directory, as the command does it.
	unpacked := t.TempDir()
	if _, err := backup.Unpack(bytes.NewReader(archive.Bytes()), unpacked); err != nil {
		t.Fatal(err)
	}
	from, err := backup.Open(context.Background(), unpacked)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	dir := t.TempDir()
	if _, err := backup.Restore(from, dir); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir)
	eventually(t, "both events", func() bool { return len(r.events("").Events) == 2 })

	// Another's directory is refused, and stays as it is.
	if _, err := backup.Restore(bytes.NewReader(archive.Bytes()), s.dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("into a directory that is in use: %v", err)
	}
	if err := os.WriteFile(filepath.Join(unpacked, "events.duckdb"), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed, err := backup.Open(context.Background(), unpacked)
	if err != nil {
		t.Fatal(err)
	}
	defer changed.Close()
	empty := t.TempDir()
	if _, err := backup.Restore(changed, empty); err == nil || !strings.Contains(err.Error(), "events.duckdb is not what was written") {
		t.Errorf("of files that were changed: %v", err)
	}
	if left, _ := os.ReadDir(empty); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestABackupNeedsAnAdministrator(t *testing.T) {
	s := start(t, t.TempDir())
	if a := s.do(http.MethodPost, "/api/v1/backup", ""); a.status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", a.status)
	}
}
