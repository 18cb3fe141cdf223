package dashboards

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/state"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// open returns a store with a clock that the test moves.
func open(t testing.TB) (*Store, *time.Time) {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	now := start
	return New(db, func() time.Time { return now }), &now
}

func save(t *testing.T, s *Store, viewer, name string, shared bool) Chart {
	t.Helper()
	c, err := s.SaveChart(t.Context(), "app", viewer, Chart{Card: Card{Name: name, Shared: shared}, Question: json.RawMessage(`{"kind":"analysis"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOnlySharedChartsAreSeenByOthers(t *testing.T) {
	s, _ := open(t)
	mine, ours := save(t, s, "ada", "mine", false), save(t, s, "ada", "ours", true)
	for viewer, want := range map[string]int{"ada": 2, "bob": 1, Everybody: 2} {
		if list, err := s.Charts(t.Context(), "app", viewer); err != nil || len(list) != want {
			t.Errorf("%s sees %d, %v", viewer, len(list), err)
		}
	}
	if list, _ := s.Charts(t.Context(), "other", Everybody); len(list) != 0 {
		t.Errorf("another application sees %v", list)
	}
	if _, err := s.Chart(t.Context(), "app", mine.ID, "bob"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	ours.Name = "taken"
	if _, err := s.SaveChart(t.Context(), "app", "bob", ours); !errors.Is(err, ErrNotYours) {
		t.Errorf("got %v", err)
	}
	if err := s.DeleteChart(t.Context(), "app", ours.ID, "bob"); !errors.Is(err, ErrNotYours) {
		t.Errorf("got %v", err)
	}
	if got, err := s.SaveChart(t.Context(), "app", Everybody, ours); err != nil || got.Owner != "ada" || got.Name != "taken" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.DeleteChart(t.Context(), "app", ours.ID, "ada"); err != nil {
		t.Error(err)
	}
}

func TestADashboardKeepsTheOrderAndSizeOfItsCharts(t *testing.T) {
	s, _ := open(t)
	a, b := save(t, s, "ada", "a", true), save(t, s, "ada", "b", true)
	want := []Tile{{b.ID, 6, 2}, {a.ID, 12, 1}}
	d, err := s.SaveDashboard(t.Context(), "app", "ada", Dashboard{Card: Card{Name: " board ", Shared: true}, Tiles: want})
	if err != nil || d.Name != "board" {
		t.Fatal(d, err)
	}
	got, err := s.Dashboard(t.Context(), "app", d.ID, "bob")
	if err != nil || !slices.Equal(got.Tiles, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.DeleteChart(t.Context(), "app", b.ID, "ada"); err != nil {
		t.Fatal(err)
	}
	_, charts, _, err := s.GrantedCharts(t.Context(), Grant{App: "app", Dashboard: d.ID})
	if err != nil || len(charts) != 1 || charts[0].ID != a.ID {
		t.Errorf("got %+v, %v", charts, err)
	}
}

func TestWhatCannotBeKept(t *testing.T) {
	s, _ := open(t)
	private := save(t, s, "ada", "private", false)
	for want, d := range map[string]Dashboard{
		"name: must have":                  {},
		"tiles[0].chart: there is no":      {Card: Card{Name: "x"}, Tiles: []Tile{{"none", 6, 1}}},
		"tiles[0].chart: is not shared":    {Card: Card{Name: "x", Shared: true}, Tiles: []Tile{{private.ID, 6, 1}}},
		"tiles[0].width: must be 3 to 12":  {Card: Card{Name: "x"}, Tiles: []Tile{{private.ID, 13, 1}}},
		"tiles[0].height: must be 1 to 4":  {Card: Card{Name: "x"}, Tiles: []Tile{{private.ID, 6, 0}}},
		"tiles: must be at most 30":        {Card: Card{Name: "x"}, Tiles: make([]Tile, 31)},
		"description: must have at most 2": {Card: Card{Name: "x", Description: strings.Repeat("x", 2001)}},
	} {
		var field *FieldError
		if _, err := s.SaveDashboard(t.Context(), "app", "ada", d); !errors.As(err, &field) || !strings.HasPrefix(field.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestATokenIsWorthWhatWasSignedAndNotLonger(t *testing.T) {
	s, now := open(t)
	g := Grant{App: "app", Chart: "c1", Filters: []events.FieldFilter{{Field: "company_id", Op: "is", Values: []string{"acme"}}}, Frames: []string{"https://shop.example:8443"}, Expires: start.Add(time.Hour).Unix()}
	token, err := s.Sign(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open(t.Context(), token); err != nil || got.Chart != "c1" || got.Filters[0].Values[0] != "acme" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if other, err := s.Sign(t.Context(), Grant{App: "other", Chart: "c1", Expires: g.Expires}); err != nil {
		t.Fatal(err)
	} else if _, err := s.Open(t.Context(), other); err != nil {
		t.Error(err)
	}

	payload, signature, _ := strings.Cut(strings.TrimPrefix(token, tokenStart), ".")
	raw, _ := base64.RawURLEncoding.DecodeString(payload)
	reworked := func(change ...string) string {
		text := strings.NewReplacer(change...).Replace(string(raw))
		return tokenStart + base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + signature
	}
	if reworked() != token {
		t.Fatal("the test does not take the token apart as it is")
	}
	for name, bad := range map[string]string{
		"another customer":     reworked("acme", "bolt"),
		"another application":  reworked(`"app"`, `"other"`),
		"an unknown one":       reworked(`"app"`, `"'; DROP TABLE charts; --"`),
		"no filter":            reworked(`"f":[{"field":"company_id","op":"is","values":["acme"]}],`, ""),
		"a longer life":        reworked(`"e":1`, `"e":9`),
		"no signature":         tokenStart + payload,
		"an empty signature":   tokenStart + payload + ".",
		"half a signature":     token[:len(token)-20],
		"nothing":              "",
		"another kind":         strings.TrimPrefix(token, tokenStart),
		"what is no JSON":      tokenStart + "e30x." + signature,
		"too much of anything": tokenStart + strings.Repeat("a", maxToken),
	} {
		if _, err := s.Open(t.Context(), bad); !errors.Is(err, ErrToken) {
			t.Errorf("%s is taken: %v", name, err)
		}
	}
	*now = start.Add(time.Hour)
	if _, err := s.Open(t.Context(), token); !errors.Is(err, ErrToken) {
		t.Errorf("an hour later: %v", err)
	}
	*now = start
	if err := s.Revoke(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), token); !errors.Is(err, ErrToken) {
		t.Errorf("after it was revoked: %v", err)
	}
}

func TestGrantsThatAreNotSigned(t *testing.T) {
	s, _ := open(t)
	hour := start.Add(time.Hour).Unix()
	for want, g := range map[string]Grant{
		"expires_in":         {App: "app", Chart: "c", Expires: start.Add(31 * 24 * time.Hour).Unix()},
		"chart: name one":    {App: "app", Expires: hour},
		"frame_ancestors[0]": {App: "app", Chart: "c", Expires: hour, Frames: []string{"https://a.example; script-src *"}},
		"frame_ancestors[1]": {App: "app", Chart: "c", Expires: hour, Frames: []string{"https://a.example", "https://b.example/path"}},
	} {
		if _, err := s.Sign(t.Context(), g); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, origin := range []string{"*", "'self'", "javascript:x", "https://", "https://a b", "https://a,b", "https://user@a.example", "//a.example"} {
		if isOrigin(origin) {
			t.Errorf("%s is taken for an origin", origin)
		}
	}
}

func FuzzTokensFromOutside(f *testing.F) {
	f.Add("gme_e30.e30")
	f.Add("")
	s, _ := open(f)
	f.Fuzz(func(t *testing.T, token string) {
		if g, err := s.Open(t.Context(), token); err == nil {
			t.Errorf("%q is taken for %+v", token, g)
		}
	})
}
