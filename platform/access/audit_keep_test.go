package access_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

func TestAuditLogIsKeptForItsDaysAndNoLonger(t *testing.T) {
	db := openState(t, t.TempDir())
	c := newClock()
	g, err := access.Open(t.Context(), db, access.Options{Clock: c.read, AuditDays: 30})
	if err != nil {
		t.Fatal(err)
	}
	write := func(n int, operation string) {
		t.Helper()
		for range n {
			if _, finish := g.Audited(t.Context(), access.Principal{Admin: true}, access.Entry{Operation: operation}); finish() != nil {
				t.Fatal("an entry was not written")
			}
		}
	}
	left := func() (operations string) {
		t.Helper()
		list, err := g.Audit(t.Context(), "", 0, 5000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			operations += e.Operation
		}
		return operations
	}
	sweep := func(want int64) {
		t.Helper()
		if gone, err := g.SweepAudit(t.Context()); err != nil || gone != want {
			t.Errorf("deleted %d, %v: want %d", gone, err, want)
		}
	}
	write(1100, "a") // more than a step
	c.now = c.now.Add(time.Second)
	write(1, "b")

	c.now = c.now.Add(30*24*time.Hour - time.Second)
	sweep(0)
	c.now = c.now.Add(time.Second)
	sweep(1100)
	if got := left(); got != "b" {
		t.Errorf("left %q", got)
	}
	write(1, "c")
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "DELETE FROM audit WHERE operation = 'b'")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "append-only") {
		t.Errorf("what is not too old was deleted by hand: %v", err)
	}
	c.now = c.now.Add(time.Second)
	sweep(1)
	if got := left(); got != "c" {
		t.Errorf("left %q", got)
	}
}

func TestDaysOfTheAuditLogHaveBounds(t *testing.T) {
	db := openState(t, t.TempDir())
	for _, days := range []int{-1, access.MaxAuditDays + 1} {
		_, err := access.Open(t.Context(), db, access.Options{AuditDays: days})
		if !errors.Is(err, access.ErrAuditDays) || !strings.HasSuffix(err.Error(), fmt.Sprintf("must be 1 to 36500 (got %d)", days)) {
			t.Errorf("%d: %v", days, err)
		}
	}
	g, err := access.Open(t.Context(), db, access.Options{})
	if err != nil || g.AuditDays() != 400 {
		t.Errorf("the default: %v", err)
	}
}
