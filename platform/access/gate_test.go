package access_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/state"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openState(t *testing.T, dir string) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openGate(t *testing.T, dir string, o access.Options) *access.Gate {
	t.Helper()
	g, err := access.Open(t.Context(), openState(t, dir), o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// browser keeps the cookies of one person between calls of do.
type browser struct {
	t    *testing.T
	gate *access.Gate
	jar  *cookiejar.Jar
}

func newBrowser(t *testing.T, g *access.Gate) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, g, jar}
}

func (b *browser) do(fn func(ctx context.Context, me access.Principal)) {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://gatemeter.test/", nil)
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.gate.Sessions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		me, err := b.gate.Identify(r.Context(), "", r.RemoteAddr)
		if err != nil {
			b.t.Error(err)
		}
		fn(r.Context(), me)
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
			b.t.Errorf("cookie %v is open to scripts or other sites", c)
		}
	}
	b.jar.SetCookies(r.URL, res.Cookies())
}

func TestFirstStartTakesTheApplicationIDItIsGiven(t *testing.T) {
	dir := t.TempDir()
	const given = "an-id-from-the-environment"
	if apps := openGate(t, dir, access.Options{FirstApplicationID: given}).Applications(); len(apps) != 1 || apps[0].ApplicationID != given {
		t.Errorf("got %v", apps)
	}
	if apps := openGate(t, dir, access.Options{FirstApplicationID: "another-one-that-comes-later"}).Applications(); len(apps) != 1 || apps[0].ApplicationID != given {
		t.Errorf("a later start changes it: %v", apps)
	}
	for _, bad := range []string{"too-short", "with a space in the middle", "with-an-umlaut-ä-in-it", strings.Repeat("x", 257)} {
		db := openState(t, t.TempDir())
		if _, err := access.Open(t.Context(), db, access.Options{FirstApplicationID: bad}); err == nil || !strings.Contains(err.Error(), "16 to 256 visible ASCII characters") || strings.Contains(err.Error(), bad) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestFirstStartMakesOneApplicationWithALongRandomID(t *testing.T) {
	dir := t.TempDir()
	first := openGate(t, dir, access.Options{}).Applications()
	if len(first) != 1 {
		t.Fatalf("%d applications, want 1", len(first))
	}
	if n := len(first[0].ApplicationID); n < 64 {
		t.Errorf("the application id has %d characters, want at least 64", n)
	}
	if again := openGate(t, dir, access.Options{}).Applications(); len(again) != 1 || again[0] != first[0] {
		t.Errorf("after a restart: %v, want %v", again, first)
	}
	other := openGate(t, t.TempDir(), access.Options{}).Applications()[0].ApplicationID
	if own := first[0].ApplicationID; own[len(own)-10:] == other[len(other)-10:] {
		t.Error("two applications end in the same ten characters")
	}
}

func TestApplicationIsFoundByItsIDsOnly(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{})
	app := g.Applications()[0]
	if got, ok := g.ByApplicationID(app.ApplicationID); !ok || got != app {
		t.Errorf("got %v, %v", got, ok)
	}
	if got, ok := g.Application(app.ID); !ok || got != app {
		t.Errorf("got %v, %v", got, ok)
	}
	for _, id := range []string{"", app.ID, app.ApplicationID + "x", strings.ToLower(app.ApplicationID)} {
		if _, ok := g.ByApplicationID(id); ok {
			t.Errorf("%q is no application id", id)
		}
	}
}

func TestOneTimeTokenWorksOnce(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{})
	old, err := g.SignInToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := g.SignInToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newBrowser(t, g).do(func(ctx context.Context, _ access.Principal) {
		for _, wrong := range []string{"", "x", old} {
			if _, err := g.SignInByToken(ctx, wrong, "10.0.0.1:1"); !errors.Is(err, access.ErrRefused) {
				t.Errorf("%q: got %v, want refused", wrong, err)
			}
		}
		if p, err := g.SignInByToken(ctx, token, "10.0.0.1:1"); err != nil || !p.FirstRun {
			t.Errorf("got %v, %v", p, err)
		}
		if _, err := g.SignInByToken(ctx, token, "10.0.0.1:1"); !errors.Is(err, access.ErrRefused) {
			t.Errorf("second use: got %v, want refused", err)
		}
	})
}

func TestFirstPersonEndsTheTimeOfTokens(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{})
	a, b := newBrowser(t, g), newBrowser(t, g)
	for _, who := range []*browser{a, b} {
		token, err := g.SignInToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		who.do(func(ctx context.Context, _ access.Principal) {
			if _, err := g.SignInByToken(ctx, token, "10.0.0.1:1"); err != nil {
				t.Error(err)
			}
		})
	}
	a.do(func(ctx context.Context, me access.Principal) {
		if _, err := g.ChangeMe(ctx, me, "ada@example.com", "analytical engine"); err != nil {
			t.Error(err)
		}
	})
	a.do(func(_ context.Context, me access.Principal) {
		if me.Email != "ada@example.com" || me.FirstRun {
			t.Errorf("got %+v", me)
		}
	})
	b.do(func(_ context.Context, me access.Principal) {
		if me.SignedIn() {
			t.Error("a session of the token outlived the first password")
		}
	})
	if token, err := g.SignInToken(t.Context()); err != nil || token != "" {
		t.Errorf("got token %q (%v) although somebody has a password", token, err)
	}
}

func TestPasswordSignsInAndItsChangeEndsOtherSessions(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{})
	token, err := g.SignInToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, b := newBrowser(t, g), newBrowser(t, g)
	a.do(func(ctx context.Context, _ access.Principal) {
		me, err := g.SignInByToken(ctx, token, "10.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.ChangeMe(ctx, me, "ada@example.com", "analytical engine"); err != nil {
			t.Fatal(err)
		}
	})
	b.do(func(ctx context.Context, _ access.Principal) {
		if _, err := g.SignIn(ctx, "ada@example.com", "difference engine", "10.0.0.2:1"); !errors.Is(err, access.ErrRefused) {
			t.Errorf("wrong password: got %v", err)
		}
		if _, err := g.SignIn(ctx, "bob@example.com", "analytical engine", "10.0.0.2:1"); !errors.Is(err, access.ErrRefused) {
			t.Errorf("unknown person: got %v", err)
		}
		if _, err := g.SignIn(ctx, " ADA@example.com", "analytical engine", "10.0.0.2:1"); err != nil {
			t.Error(err)
		}
	})
	a.do(func(ctx context.Context, me access.Principal) {
		if _, err := g.ChangeMe(ctx, me, "ada@example.org", "a better engine"); err != nil {
			t.Error(err)
		}
	})
	b.do(func(_ context.Context, me access.Principal) {
		if me.SignedIn() {
			t.Error("a session outlived the change of its password")
		}
	})
	a.do(func(ctx context.Context, me access.Principal) {
		if me.Email != "ada@example.org" {
			t.Errorf("got %+v", me)
		}
		if err := g.SignOut(ctx); err != nil {
			t.Error(err)
		}
	})
	a.do(func(_ context.Context, me access.Principal) {
		if me.SignedIn() {
			t.Error("still signed in after signing out")
		}
	})
}

func TestBadAccountsAreRefusedByField(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{})
	me := access.Principal{FirstRun: true}
	for _, c := range []struct{ email, password, field string }{
		{"nobody", "long enough", "email"},
		{"Ada <ada@example.com>", "long enough", "email"},
		{"ada@example.com", "too short", "password"},
		{"ada@example.com", strings.Repeat("x", access.MaxPassword+1), "password"},
	} {
		_, err := g.ChangeMe(t.Context(), me, c.email, c.password)
		if f := (*access.FieldError)(nil); !errors.As(err, &f) || f.Field != c.field {
			t.Errorf("%s: got %v, want a fault in %s", c.email, err, c.field)
		}
	}
	if _, err := g.ChangeMe(t.Context(), access.Principal{Admin: true}, "ada@example.com", "long enough"); !errors.Is(err, access.ErrNobody) {
		t.Errorf("got %v, want nobody", err)
	}
}

func TestWrongTriesHaveToWait(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	g := openGate(t, t.TempDir(), access.Options{Clock: func() time.Time { return now }})
	token, err := g.SignInToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newBrowser(t, g).do(func(ctx context.Context, _ access.Principal) {
		for range 10 {
			if _, err := g.SignInByToken(ctx, "wrong", "10.0.0.1:1"); !errors.Is(err, access.ErrRefused) {
				t.Fatalf("got %v, want refused", err)
			}
		}
		var many *access.TooManyError
		if _, err := g.SignInByToken(ctx, token, "10.0.0.1:2"); !errors.As(err, &many) || many.RetryAfter != 6*time.Second {
			t.Fatalf("got %v, want a wait of 6s", err)
		}
		if _, err := g.SignInByToken(ctx, "wrong", "10.0.0.2:1"); !errors.Is(err, access.ErrRefused) {
			t.Fatalf("another address: got %v, want refused", err)
		}
		now = now.Add(6 * time.Second)
		if _, err := g.SignInByToken(ctx, token, "10.0.0.1:3"); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestAdministratorsTokenIsABearerToken(t *testing.T) {
	g := openGate(t, t.TempDir(), access.Options{AdminToken: "0123456789abcdef"})
	ctx := context.Background()
	for _, header := range []string{"Bearer 0123456789abcdef", "bearer  0123456789abcdef"} {
		if p, err := g.Identify(ctx, header, "10.0.0.1:1"); err != nil || !p.Admin {
			t.Errorf("%s: got %v, %v", header, p, err)
		}
	}
	for range 100 {
		if _, err := g.Identify(ctx, "Bearer x", "10.0.0.1:1"); !errors.Is(err, access.ErrRefused) {
			t.Fatalf("got %v, want refused", err)
		}
	}
	var many *access.TooManyError
	if _, err := g.Identify(ctx, "Bearer x", "10.0.0.1:1"); !errors.As(err, &many) {
		t.Errorf("got %v, want too many", err)
	}
	closed := openGate(t, t.TempDir(), access.Options{})
	if _, err := closed.Identify(ctx, "Bearer ", "10.0.0.1:1"); !errors.Is(err, access.ErrRefused) {
		t.Errorf("without an administrator's token: got %v, want refused", err)
	}
}

func TestSecretsFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	g := openGate(t, t.TempDir(), access.Options{SecretsFile: path})
	if err := g.WriteSecrets("new\n"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v (%v), want 0600", info.Mode().Perm(), err)
	}
	for range 2 {
		if err := g.WriteSecrets(""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want no file", err)
	}
}
