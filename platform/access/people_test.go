package access_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

const password = "analytical engine"

// house is a gate with an owner, and a clock.
type house struct {
	*access.Gate
	t     *testing.T
	clock *clock
	owner *browser
}

func openHouse(t *testing.T, o access.Options) *house {
	t.Helper()
	h := &house{t: t, clock: newClock()}
	o.Clock = h.clock.read
	h.Gate = openGate(t, t.TempDir(), o)
	h.owner = newBrowser(t, h.Gate)
	token, err := h.SignInToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.owner.do(func(ctx context.Context, _ access.Principal) {
		me, err := h.SignInByToken(ctx, token, "10.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.ChangeMe(ctx, me, "ada@example.com", password); err != nil {
			t.Fatal(err)
		}
	})
	return h
}

// me is who the browser's session belongs to.
func (b *browser) me() (me access.Principal) {
	b.t.Helper()
	b.do(func(_ context.Context, p access.Principal) { me = p })
	return me
}

// join invites somebody as by, and returns the browser in which they joined.
func (h *house) join(by access.Principal, email string, role access.Role) *browser {
	h.t.Helper()
	_, token, err := h.Invite(h.t.Context(), by, email, role)
	if err != nil {
		h.t.Fatal(err)
	}
	b := newBrowser(h.t, h.Gate)
	b.do(func(ctx context.Context, _ access.Principal) {
		if _, err := h.Join(ctx, token, password, "10.0.0.3:1"); err != nil {
			h.t.Fatal(err)
		}
	})
	return b
}

func TestFirstPersonIsTheOwner(t *testing.T) {
	h := openHouse(t, access.Options{})
	if me := h.owner.me(); me.Role != access.Owner || !me.May(access.WriteOwners) {
		t.Errorf("got %+v", me)
	}
	first := access.Principal{FirstRun: true}
	if !first.May(access.WriteApps) || first.May(access.WritePeople) || first.May(access.WriteTokens) {
		t.Errorf("the first run may %v", first.Rights())
	}
}

func TestInvitationWorksOnceAndForSevenDays(t *testing.T) {
	h := openHouse(t, access.Options{})
	owner := h.owner.me()
	i, token, err := h.Invite(t.Context(), owner, " bob@example.com ", access.Analyst)
	if err != nil || i.Email != "bob@example.com" || !i.ExpiresAt.Equal(h.clock.now.Add(7*24*time.Hour)) {
		t.Fatalf("got %+v, %v", i, err)
	}
	_, second, err := h.Invite(t.Context(), owner, "BOB@example.com", access.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := h.Invitations(t.Context()); err != nil || len(list) != 1 || list[0].Role != access.ReadOnly {
		t.Errorf("got %v, %v: the later one takes the place of the earlier", list, err)
	}
	b := newBrowser(t, h.Gate)
	b.do(func(ctx context.Context, _ access.Principal) {
		for _, wrong := range []string{"", "x", token} {
			if _, err := h.Join(ctx, wrong, password, "10.0.0.2:1"); !errors.Is(err, access.ErrRefused) {
				t.Errorf("%q: got %v, want refused", wrong, err)
			}
		}
		if f := (*access.FieldError)(nil); true {
			if _, err := h.Join(ctx, second, "short", "10.0.0.2:1"); !errors.As(err, &f) || f.Field != "password" {
				t.Errorf("a short password: got %v", err)
			}
		}
		if p, err := h.Join(ctx, second, password, "10.0.0.2:1"); err != nil || p.Email != "BOB@example.com" || p.Role != access.ReadOnly {
			t.Errorf("got %+v, %v", p, err)
		}
		if _, err := h.Join(ctx, second, password, "10.0.0.2:1"); !errors.Is(err, access.ErrRefused) {
			t.Errorf("the second time: got %v, want refused", err)
		}
	})
	if me := b.me(); me.Role != access.ReadOnly {
		t.Errorf("got %+v", me)
	}
	if _, _, err := h.Invite(t.Context(), owner, "bob@example.com", access.Analyst); !errors.Is(err, access.ErrEmailTaken) {
		t.Errorf("somebody who is here: got %v", err)
	}

	_, late, err := h.Invite(t.Context(), owner, "late@example.com", access.Analyst)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.now = h.clock.now.Add(7 * 24 * time.Hour)
	b.do(func(ctx context.Context, _ access.Principal) {
		if _, err := h.Join(ctx, late, password, "10.0.0.2:1"); !errors.Is(err, access.ErrRefused) {
			t.Errorf("after seven days: got %v, want refused", err)
		}
	})
	if list, err := h.Invitations(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestRemovedPersonIsOutAtOnceWithTokensAndInvitations(t *testing.T) {
	h := openHouse(t, access.Options{})
	admin := h.join(h.owner.me(), "bob@example.com", access.Admin)
	me := admin.me()
	_, invited, err := h.Invite(t.Context(), me, "eve@example.com", access.Admin)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := h.AddToken(t.Context(), me, "mine", []access.Right{access.WriteRules}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.RemovePerson(t.Context(), h.owner.me(), me.Person); err != nil {
		t.Fatal(err)
	}
	if p := admin.me(); p.SignedIn() {
		t.Errorf("the session is still good: %+v", p)
	}
	if _, err := h.Identify(t.Context(), "Bearer "+secret, "10.0.0.1:1"); !errors.Is(err, access.ErrRefused) {
		t.Errorf("the token: got %v, want refused", err)
	}
	admin.do(func(ctx context.Context, _ access.Principal) {
		if _, err := h.Join(ctx, invited, password, "10.0.0.2:1"); !errors.Is(err, access.ErrRefused) {
			t.Errorf("the invitation: got %v, want refused", err)
		}
	})
	if err := h.RemovePerson(t.Context(), h.owner.me(), me.Person); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}

func TestLastOwnerStays(t *testing.T) {
	h := openHouse(t, access.Options{})
	owner := h.owner.me()
	if err := h.RemovePerson(t.Context(), owner, owner.Person); !errors.Is(err, access.ErrLastOwner) {
		t.Errorf("removing: got %v", err)
	}
	if err := h.ChangeRole(t.Context(), owner, owner.Person, access.Admin); !errors.Is(err, access.ErrLastOwner) {
		t.Errorf("another role: got %v", err)
	}
	other := h.join(owner, "bob@example.com", access.Owner).me()
	if err := h.ChangeRole(t.Context(), other, owner.Person, access.ReadOnly); err != nil {
		t.Error(err)
	}
	if me := h.owner.me(); me.Role != access.ReadOnly || me.May(access.WritePeople) {
		t.Errorf("the new role does not count yet: %+v", me)
	}
	if err := h.RemovePerson(t.Context(), other, other.Person); !errors.Is(err, access.ErrLastOwner) {
		t.Errorf("removing the other: got %v", err)
	}
}

func TestOnlyOwnersTouchOwners(t *testing.T) {
	h := openHouse(t, access.Options{})
	owner := h.owner.me()
	admin := h.join(owner, "bob@example.com", access.Admin).me()
	if _, _, err := h.Invite(t.Context(), owner, "cyd@example.com", access.Owner); err != nil {
		t.Fatal(err)
	}
	invitations, err := h.Invitations(t.Context())
	if err != nil || len(invitations) != 1 {
		t.Fatal(invitations, err)
	}
	_, _, invite := h.Invite(t.Context(), admin, "eve@example.com", access.Owner)
	_, _, replace := h.Invite(t.Context(), admin, "cyd@example.com", access.Analyst)
	for what, err := range map[string]error{
		"inviting":   invite,
		"replacing":  replace,
		"uninviting": h.Uninvite(t.Context(), admin, invitations[0].ID),
		"promoting":  h.ChangeRole(t.Context(), admin, admin.Person, access.Owner),
		"demoting":   h.ChangeRole(t.Context(), admin, owner.Person, access.ReadOnly),
		"removing":   h.RemovePerson(t.Context(), admin, owner.Person),
	} {
		if !errors.Is(err, access.ErrOwnersOnly) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if err := h.ChangeRole(t.Context(), owner, admin.Person, "king"); err == nil {
		t.Error("there is a role king")
	}
	if err := h.Uninvite(t.Context(), owner, invitations[0].ID); err != nil {
		t.Error(err)
	}
}

func TestTokenMayWhatItWasMadeForAndNeverMoreThanItsMaker(t *testing.T) {
	h := openHouse(t, access.Options{AdminToken: "0123456789abcdef"})
	owner := h.owner.me()
	admin := h.join(owner, "bob@example.com", access.Admin).me()
	made, secret, err := h.AddToken(t.Context(), admin, "export", []access.Right{access.ReadEvents, access.WriteRules}, time.Hour)
	if err != nil || made.Scopes.String() != "events:read rules:write" {
		t.Fatalf("got %+v, %v", made, err)
	}
	identify := func() (access.Principal, error) {
		return h.Identify(t.Context(), "Bearer "+secret, "10.0.0.1:1")
	}
	p, err := identify()
	if err != nil || p.Token != made.ID || !p.May(access.ReadEvents) || !p.May(access.WriteRules) || p.May(access.ReadRules) || p.Cookie {
		t.Fatalf("got %+v, %v", p, err)
	}
	list, err := h.Tokens(t.Context())
	if err != nil || len(list) != 1 || list[0].CreatedBy != "bob@example.com" || !list[0].LastUsed.Equal(h.clock.now) {
		t.Errorf("got %+v, %v", list, err)
	}
	if strings.Contains(fmt.Sprintf("%+v", list), secret) {
		t.Error("the secret is kept")
	}
	if err := h.ChangeRole(t.Context(), owner, admin.Person, access.ReadOnly); err != nil {
		t.Fatal(err)
	}
	if p, err := identify(); err != nil || p.May(access.WriteRules) || !p.May(access.ReadEvents) {
		t.Errorf("after its maker's demotion: %+v, %v", p, err)
	}
	h.clock.now = h.clock.now.Add(time.Hour)
	if _, err := identify(); !errors.Is(err, access.ErrRefused) {
		t.Errorf("expired: got %v, want refused", err)
	}

	_, secret, err = h.AddToken(t.Context(), owner, "one", []access.Right{access.WriteTokens}, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err = identify()
	if err != nil {
		t.Fatal(err)
	}
	if f := (*access.FieldError)(nil); true {
		if _, _, err := h.AddToken(t.Context(), p, "more", []access.Right{access.ReadEvents}, 0); !errors.As(err, &f) || f.Field != "scopes" {
			t.Errorf("a token makes one that may more: %v", err)
		}
	}
	child, _, err := h.AddToken(t.Context(), p, "as much", []access.Right{access.WriteTokens}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if tokens, err := h.Tokens(t.Context()); err != nil || !slices.ContainsFunc(tokens, func(x access.Token) bool { return x.ID == child.ID && x.CreatedBy == "ada@example.com" }) {
		t.Errorf("it is not its maker's maker's: %+v, %v", tokens, err)
	}
	if err := h.RevokeToken(t.Context(), p.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := identify(); !errors.Is(err, access.ErrRefused) {
		t.Errorf("revoked: got %v, want refused", err)
	}
	if err := h.RevokeToken(t.Context(), p.Token); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}

func TestBadTokensAreRefusedByField(t *testing.T) {
	h := openHouse(t, access.Options{})
	me := h.owner.me()
	for _, c := range []struct {
		name   string
		scopes []access.Right
		life   time.Duration
		field  string
	}{
		{"", []access.Right{access.ReadEvents}, 0, "name"},
		{"x", nil, 0, "scopes"},
		{"x", []access.Right{"events:*"}, 0, "scopes"},
		{"x", []access.Right{access.ReadEvents}, -time.Second, "expires_at"},
		{"x", []access.Right{access.ReadEvents}, access.MaxTokenLife + 1, "expires_at"},
	} {
		_, _, err := h.AddToken(t.Context(), me, c.name, c.scopes, c.life)
		if f := (*access.FieldError)(nil); !errors.As(err, &f) || f.Field != c.field {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestAuditLogSaysWhoDidWhatAndCanNotBeChanged(t *testing.T) {
	dir := t.TempDir()
	db := openState(t, dir)
	c := newClock()
	g, err := access.Open(t.Context(), db, access.Options{Clock: c.read})
	if err != nil {
		t.Fatal(err)
	}
	app := g.Applications()[0]
	ada := access.Principal{Person: "person_1", Email: "ada@example.com", Role: access.Owner}
	entry := access.Entry{Address: "10.0.0.1:1234", Operation: "rotate-app", Target: "/apps/" + app.ID, App: app.ID}
	ctx, finish := g.Audited(t.Context(), ada, entry)
	rotated, err := g.RotateApplicationID(ctx, app.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := finish(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, _ = g.Audited(t.Context(), ada, entry)
	if _, err := g.RotateApplicationID(ctx, app.ID, -1); err == nil {
		t.Fatal("a bad grace was taken")
	}
	_, finish = g.Audited(t.Context(), access.Principal{Admin: true}, access.Entry{Operation: "elsewhere"})
	if err := finish(); err != nil { // a change that is not of the state
		t.Fatal(err)
	}

	list, err := g.Audit(t.Context(), "", 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("got %+v, %v: want an entry for each change that was made", list, err)
	}
	if list[0].WhoKind != "administrator" || list[0].Operation != "elsewhere" {
		t.Errorf("got %+v", list[0])
	}
	e := list[1]
	if e.WhoKind != "person" || e.WhoID != "person_1" || e.WhoName != "ada@example.com" || e.Address != "10.0.0.1" || e.Operation != "rotate-app" ||
		e.App != app.ID || e.Notes["grace"] != "1h0m0s" || !e.At.Equal(c.now) {
		t.Errorf("got %+v", e)
	}
	if text := fmt.Sprintf("%+v", list); strings.Contains(text, app.ApplicationID) || strings.Contains(text, rotated.ApplicationID) {
		t.Error("an application id stands in it")
	}
	if page, err := g.Audit(t.Context(), "", list[0].Number, 10); err != nil || len(page) != 1 || page[0].Number != e.Number {
		t.Errorf("the next page: %+v, %v", page, err)
	}
	if own, err := g.Audit(t.Context(), "person_1", 0, 10); err != nil || len(own) != 1 {
		t.Errorf("of one person: %+v, %v", own, err)
	}
	for _, statement := range []string{"DELETE FROM audit", "UPDATE audit SET who_name = 'eve'"} {
		err := db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), statement)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: got %v", statement, err)
		}
	}
}
