package access_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) read() time.Time { return c.now }

func TestApplicationIDIsRotatedAndTheOldOneGoesOnForItsGrace(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	g := openGate(t, dir, access.Options{Clock: c.read})
	before := g.Applications()[0]
	after, err := g.RotateApplicationID(t.Context(), before.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if after.ID != before.ID || after.Number != before.Number || after.ApplicationID == before.ApplicationID || len(after.ApplicationID) < 50 {
		t.Fatalf("from %+v to %+v", before, after)
	}
	finds := func(g *access.Gate, applicationID string) bool {
		app, ok := g.ByApplicationID(applicationID)
		if ok && app.ID != before.ID {
			t.Errorf("%s opens %s", applicationID, app.ID)
		}
		return ok
	}
	if !finds(g, before.ApplicationID) || !finds(g, after.ApplicationID) {
		t.Error("one of the two is not taken")
	}
	old := g.OldIDs(before.ID)
	if n := len(before.ApplicationID); len(old) != 1 || old[0].Tail != before.ApplicationID[n-4:] || !old[0].Until.Equal(c.now.Add(time.Hour)) {
		t.Errorf("got %v", old)
	}
	again := openGate(t, dir, access.Options{Clock: c.read})
	if !finds(again, before.ApplicationID) {
		t.Error("a restart ends the grace")
	}
	c.now = c.now.Add(time.Hour)
	if finds(g, before.ApplicationID) || finds(again, before.ApplicationID) || len(g.OldIDs(before.ID)) != 0 {
		t.Error("it goes on after its grace")
	}

	third, err := g.RotateApplicationID(t.Context(), before.ID, 0)
	if err != nil || finds(g, after.ApplicationID) || !finds(g, third.ApplicationID) {
		t.Errorf("without a grace the old one is still taken (%v)", err)
	}
	fourth, err := g.RotateApplicationID(t.Context(), before.ID, access.MaxGrace)
	if err != nil || !finds(g, third.ApplicationID) {
		t.Fatal(err)
	}
	if _, err := g.EndOldIDs(t.Context(), before.ID); err != nil || finds(g, third.ApplicationID) || !finds(g, fourth.ApplicationID) {
		t.Errorf("the old ones did not end (%v)", err)
	}
}

func TestRevokedApplicationIsRefusedUntilItIsGivenAnID(t *testing.T) {
	dir := t.TempDir()
	g := openGate(t, dir, access.Options{})
	first := g.Applications()[0]
	second, err := g.RotateApplicationID(t.Context(), first.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := g.RevokeApplication(t.Context(), first.ID)
	if err != nil || revoked.RevokedAt.IsZero() || revoked.ApplicationID != "" {
		t.Fatalf("got %+v, %v", revoked, err)
	}
	for _, gate := range []*access.Gate{g, openGate(t, dir, access.Options{})} {
		for _, id := range []string{first.ApplicationID, second.ApplicationID, ""} {
			if _, ok := gate.ByApplicationID(id); ok {
				t.Errorf("%q is still taken", id)
			}
		}
		if app, ok := gate.Application(first.ID); !ok || app.RevokedAt.IsZero() {
			t.Errorf("it is no longer there: %+v", app)
		}
	}
	open, err := g.RotateApplicationID(t.Context(), first.ID, time.Hour)
	if err != nil || !open.RevokedAt.IsZero() {
		t.Fatalf("got %+v, %v", open, err)
	}
	if _, ok := g.ByApplicationID(open.ApplicationID); !ok || len(g.OldIDs(first.ID)) != 0 {
		t.Error("its new id is not taken, or an old one is")
	}
}

func TestApplicationsAreToldApartByTheirLastTenCharacters(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{})
	for range 20 {
		if _, err := g.AddApplication(t.Context(), " Payments "); err != nil {
			t.Fatal(err)
		}
	}
	tails := map[string]bool{}
	for _, app := range g.Applications() {
		id := app.ApplicationID
		if len(id) < 50 || tails[id[len(id)-10:]] {
			t.Errorf("%s is too short, or ends like another", id)
		}
		tails[id[len(id)-10:]] = true
	}
	if app := g.Applications()[20]; app.Name != "Payments" || app.Number != 21 {
		t.Errorf("got %+v", app)
	}
}

func TestBadApplicationsAreRefusedByField(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{})
	id := g.Applications()[0].ID
	change := func(name string, rate, burst int) error {
		_, err := g.ChangeApplication(t.Context(), id, name, rate, burst)
		return err
	}
	rotate := func(grace time.Duration) error {
		_, err := g.RotateApplicationID(t.Context(), id, grace)
		return err
	}
	for _, c := range []struct {
		err   error
		field string
	}{
		{change("", 0, 0), "name"},
		{change("two\nlines", 0, 0), "name"},
		{change("x", -1, 0), "rate"},
		{change("x", access.MaxRate+1, 0), "rate"},
		{change("x", 1, -1), "burst"},
		{change("x", 0, 5), "burst"},
		{rotate(-time.Second), "grace_seconds"},
		{rotate(access.MaxGrace + 1), "grace_seconds"},
	} {
		if f := (*access.FieldError)(nil); !errors.As(c.err, &f) || f.Field != c.field {
			t.Errorf("got %v, want a fault in %s", c.err, c.field)
		}
	}
	ctx := context.Background()
	_, a := g.ChangeApplication(ctx, "none", "x", 0, 0)
	_, b := g.RotateApplicationID(ctx, "none", 0)
	_, c := g.RevokeApplication(ctx, "none")
	_, d := g.EndOldIDs(ctx, "none")
	for i, err := range []error{a, b, c, d} {
		if !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%d: got %v, want not found", i, err)
		}
	}
}

func TestRateHoldsInTheLongRunAndNoBatchIsRefusedForEver(t *testing.T) {
	c := newClock()
	g := openGate(t, t.TempDir(), access.Options{Clock: c.read})
	app := g.Applications()[0]
	if wait := g.TakeEvents(app.ID, 1_000_000); wait != 0 {
		t.Fatalf("without a rate it waits %v", wait)
	}
	if _, err := g.ChangeApplication(t.Context(), app.ID, "limited", 100, 200); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		events int
		wait   time.Duration
		then   time.Duration
	}{
		{150, 0, 0},
		{50, 0, 0},
		{1, 10 * time.Millisecond, 0},         // nothing left, and nothing used by asking
		{200, 2 * time.Second, time.Second},   // the whole burst
		{200, time.Second, time.Second},       // half of it is there again
		{1000, 0, 10 * time.Second},           // larger than the burst: taken, and owed
		{200, 0, 0},                           // paid for by the time that passed
		{0, 0, 0},                             // nothing costs nothing
		{1, 10 * time.Millisecond, time.Hour}, // the burst is the most that gathers
		{201, 0, 0},
		{1, 20 * time.Millisecond, 0},
	} {
		if wait := g.TakeEvents(app.ID, step.events); wait != step.wait {
			t.Errorf("%d events at %v: waits %v, want %v", step.events, c.now, wait, step.wait)
		}
		c.now = c.now.Add(step.then)
	}
	// Another name leaves the limiter as it is, another rate does not.
	if _, err := g.ChangeApplication(t.Context(), app.ID, "renamed", 100, 200); err != nil || g.TakeEvents(app.ID, 1) == 0 {
		t.Errorf("renaming forgets what was used (%v)", err)
	}
	if _, err := g.ChangeApplication(t.Context(), app.ID, "renamed", 0, 0); err != nil || g.TakeEvents(app.ID, 1_000_000) != 0 {
		t.Errorf("still limited (%v)", err)
	}
}

func TestRefusedBatchesUseNothingUpWhoeverElseAsks(t *testing.T) {
	c := newClock()
	g := openGate(t, t.TempDir(), access.Options{Clock: c.read})
	app := g.Applications()[0].ID
	if _, err := g.ChangeApplication(t.Context(), app, "limited", 100, 100); err != nil {
		t.Fatal(err)
	}
	if g.TakeEvents(app, 100) != 0 {
		t.Fatal("the burst was refused")
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 200 {
				if g.TakeEvents(app, 60) == 0 {
					t.Error("taken although nothing is left")
				}
			}
		})
	}
	all.Wait()
	c.now = c.now.Add(600 * time.Millisecond)
	if wait := g.TakeEvents(app, 60); wait != 0 {
		t.Errorf("what was refused was used up: waits %v", wait)
	}
}
