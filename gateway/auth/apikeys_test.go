package auth

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/fnv"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// keyed are the guards of an endpoint that asks for one of keys.
func keyed(t testing.TB, keys *config.APIKeys, access config.KeyAccess) Guards {
	t.Helper()
	k := NewKeeper(&config.Service{APIKeys: keys}, slog.New(slog.DiscardHandler))
	t.Cleanup(k.Close)
	g, err := k.Guards(&config.Endpoint{APIKeys: &access})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var twoKeys = &config.APIKeys{Hash: "plain", PropagateRole: "X-Role", Keys: []config.APIKey{
	{Key: "one", Roles: []string{"admin", "user"}}, {Key: "two", Roles: []string{"guest"}},
}}

// The reference is unsure of the statuses, and silent about which role is told: 401 for
// a key that nobody has, 403 for one without a role, and the first role of the endpoint
// that the key has are chosen (KrakenD v3, 5).
func TestKeysOpenByRole(t *testing.T) {
	inHeader := keyed(t, twoKeys, config.KeyAccess{Roles: []string{"root", "user", "admin"}, Identifier: "Authorization"}).Identify[0]
	other := keyed(t, twoKeys, config.KeyAccess{Roles: []string{"user"}, Identifier: "X-Key"}).Identify[0]
	for _, tt := range []struct {
		g      Guard
		header string
		want   int
	}{
		{inHeader, "Authorization: Bearer one", 200},
		{inHeader, "Authorization: bearer  one", 200},
		{inHeader, "Authorization: one", 200},
		{inHeader, "Authorization: Bearer two", 403},
		{inHeader, "Authorization: Bearer three", 401},
		{inHeader, "Authorization: Bearer ", 401},
		{inHeader, "Authorization: ONE", 401},
		{inHeader, "Authorization: on", 401},
		{inHeader, "X-Key: one", 401},
		{other, "X-Key: one", 200},
		{other, "Authorization: Bearer one", 401},
	} {
		status, r := ask(t, tt.g, tt.header, "X-Role: made up")
		if status != tt.want {
			t.Errorf("%s: got %d, want %d", tt.header, status, tt.want)
		}
		if status == 200 && strings.Join(r.Header["X-Role"], ",") != "user" {
			t.Errorf("%s: roles are told as %q", tt.header, r.Header["X-Role"])
		}
	}
}

func TestKeysInTheQueryOpen(t *testing.T) {
	g := keyed(t, twoKeys, config.KeyAccess{Roles: []string{"user"}, InQuery: true, Identifier: "key"}).Identify[0]
	for query, want := range map[string]int{
		"key=one": 200, "a=b&key=%6fne": 200, "key=two": 403, "key=": 401, "Key=one": 401, "": 401, "key=two&key=one": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/?"+query, nil)
		r.Header.Set("Authorization", "one")
		w := httptest.NewRecorder()
		if _, ok := g.Admit(w, r, nil); ok != (want == 200) || !ok && w.Code != want {
			t.Errorf("%s: let in %v, %d, want %d", query, ok, w.Code, want)
		}
	}
}

// The reference does not say where the salt stands, nor how a hash is written: before
// the key, in hexadecimal digits, and FNV-1 for fnv128 are chosen.
func TestKeysAreKeptHashed(t *testing.T) {
	for name, h := range map[string]func() hash.Hash{"sha256": sha256.New, "sha1": sha1.New, "fnv128": fnv.New128} {
		sum := h()
		_, _ = sum.Write([]byte("pepper" + "one"))
		kept := hex.EncodeToString(sum.Sum(nil))
		keys := &config.APIKeys{Hash: name, Salt: "pepper", Keys: []config.APIKey{{Key: kept, Roles: []string{"user"}}}}
		g := keyed(t, keys, config.KeyAccess{Roles: []string{"user"}, Identifier: "Authorization"}).Identify[0]
		for key, want := range map[string]int{"one": 200, kept: 401, "pepperone": 401} {
			if got := statusOf(t, g, "Authorization: Bearer "+key); got != want {
				t.Errorf("%s, %s: got %d", name, key, got)
			}
		}
	}
}

// 429 is chosen; the reference is unsure of it.
func TestEachKeyHasItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := &config.APIKeys{Hash: "plain", Keys: []config.APIKey{{Key: "one", Roles: []string{"user"}}, {Key: "two", Roles: []string{"user"}}}}
		for rate, burst := range map[float64]int{3: 3, 0.5: 1} {
			g := keyed(t, keys, config.KeyAccess{Roles: []string{"user"}, Identifier: "X-Key", ClientMaxRate: rate})
			call := func(key string) int {
				t.Helper()
				_, r := ask(t, g.Identify[0], "X-Key: "+key)
				w := httptest.NewRecorder()
				if _, ok := g.Limit[0].Admit(w, r, nil); ok {
					return 200
				}
				return w.Code
			}
			for i := range burst + 2 {
				if got, want := call("one"), map[bool]int{true: 200, false: 429}[i < burst]; got != want {
					t.Errorf("rate %v, call %d: got %d, want %d", rate, i, got, want)
				}
			}
			if got := call("two"); got != 200 {
				t.Errorf("another key: got %d", got)
			}
			time.Sleep(2 * time.Second)
			if got := call("one"); got != 200 {
				t.Errorf("later: got %d", got)
			}
		}
	})
}

func TestKeysWithoutAListAreRefusedAtStart(t *testing.T) {
	_, err := keeperOf(t).Guards(&config.Endpoint{APIKeys: &config.KeyAccess{}})
	if err == nil || err.Error() != "extra_config.auth/api-keys: there are no keys" {
		t.Errorf("got %v", err)
	}
}
