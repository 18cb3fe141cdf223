package load

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gatemeter/gatemeter/platform/journal"
)

// TestWhoWasSeenIsToldAgainAfterARestart loads, and begins anew before anything is
// trimmed: whatever is in the store and in the journal is told again, the rest is not.
func TestWhoWasSeenIsToldAgainAfterARestart(t *testing.T) {
	dir := t.TempDir()
	j, s := openJournal(t, vfs.NewMem()), openStore(t, dir)
	put := func(id, user string) {
		t.Helper()
		data := []byte(`{"request":{"time":"2026-11-22T11:59:00Z","uri":"http://a.test/","verb":"GET"},"user_id":"` + user + `","transaction_id":"` + id + `"}`)
		b := journal.Batch{App: "app", ReceivedAt: noon, Entries: []journal.Entry{{ID: id, Until: noon.AddDate(0, 0, 30), Data: data}}}
		if _, err := j.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	put("1", "loaded")
	if _, err := newLoader(t, j, s, &sink{}).step(t.Context()); err != nil {
		t.Fatal(err)
	}
	put("2", "waits")
	told := &sink{}
	l := newLoader(t, j, s, told)
	if err := l.sayAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := told.again["app"]; len(got) != 1 || got[0].ID != "loaded" || len(told.seen) != 0 {
		t.Errorf("told again: %+v, told: %+v", got, told.seen)
	}
	l.synced = time.Now()
	if err := l.trim(t.Context()); err != nil { // a crash could still take it from the store
		t.Fatal(err)
	}
	told.again = nil
	if err := l.sayAgain(t.Context()); err != nil || len(told.again["app"]) != 1 {
		t.Errorf("told again before it was trimmed: %+v, %v", told.again, err)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	told.again = nil
	if err := l.sayAgain(t.Context()); err != nil || len(told.again) != 0 {
		t.Errorf("told again after it was trimmed: %+v, %v", told.again, err)
	}
}
