package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// privateSetOf is the text of a JWK set with the keys as they are.
func privateSetOf(t testing.TB, keys ...jwk.Key) string {
	t.Helper()
	set := jwk.NewSet()
	for _, k := range keys {
		if err := set.AddKey(k); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func keyFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "private.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func signerOf(t testing.TB, k *Keeper, c config.Signer) *Signer {
	t.Helper()
	s, err := k.Signer(&config.Endpoint{Method: "POST", Path: "/login", Signer: &c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is signed is a token that a validator of the same keys takes, and whose payload
// is the claims set, its numbers exact.
func TestSignedTokensAreTakenByAValidator(t *testing.T) {
	k := keeperOf(t)
	for _, alg := range everyAlg {
		key := keyFor(t, alg, "kid", "sim1")
		s := signerOf(t, k, config.Signer{Alg: alg, KeyID: "sim1", JWKLocalPath: keyFile(t, privateSetOf(t, keyFor(t, "HS256", "kid", "other"), key))})
		text, err := s.Sign(t.Context(), map[string]any{"sub": "ann", "exp": json.Number("4102444800"), "n": json.Number("9007199254740993")})
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		parts := strings.Split(text, ".")
		head, _ := base64.RawURLEncoding.DecodeString(parts[0])
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if want := `{"alg":"` + alg + `","kid":"sim1"}`; string(head) != want {
			t.Errorf("%s: header is %s, want %s", alg, head, want)
		}
		if want := `{"exp":4102444800,"n":9007199254740993,"sub":"ann"}`; string(payload) != want {
			t.Errorf("%s: payload is %s, want %s", alg, payload, want)
		}
		g := guardOf(t, k, trusting(issuerOf(t, key).URL, alg))
		if got := statusOf(t, g, "Authorization: Bearer "+text); got != 200 {
			t.Errorf("%s: the validator answers %d", alg, got)
		}
	}
}

// With full the token is the flattened JSON serialization (RFC 7515, 7.2.2), as one
// text: the reference is silent, and KrakenD's signer is known to give a text.
func TestFullTokensAreJSON(t *testing.T) {
	key := keyFor(t, "ES256", "kid", "k")
	s := signerOf(t, keeperOf(t), config.Signer{Alg: "ES256", KeyID: "k", Full: true, JWKLocalPath: keyFile(t, privateSetOf(t, key))})
	text, err := s.Sign(t.Context(), map[string]any{"sub": "ann"})
	if err != nil {
		t.Fatal(err)
	}
	var full map[string]string
	if err := json.Unmarshal([]byte(text), &full); err != nil || len(full) != 3 {
		t.Fatalf("got %s, %v", text, err)
	}
	g := guardOf(t, keeperOf(t), trusting(issuerOf(t, key).URL, "ES256"))
	if got := statusOf(t, g, "Authorization: "+full["protected"]+"."+full["payload"]+"."+full["signature"]); got != 200 {
		t.Errorf("got %d", got)
	}
}

func TestASignerWithoutAUsableLocalKeyIsRefused(t *testing.T) {
	public := keyFile(t, setOf(t, keyFor(t, "RS256", "kid", "k")))
	private := keyFile(t, privateSetOf(t, keyFor(t, "RS256", "kid", "k")))
	none := filepath.Join(t.TempDir(), "none.json")
	for _, tt := range []struct{ path, kid, alg, want string }{
		{public, "k", "RS256", "jwk_local_path: " + public + " holds no key that can sign a token"},
		{private, "x", "RS256", "kid: " + private + ` holds no private key "x" for RS256: every call would be answered with 401`},
		{private, "k", "ES256", "kid: " + private + ` holds no private key "k" for ES256: every call would be answered with 401`},
		{none, "k", "RS256", "jwk_local_path: open " + none + ": no such file or directory"},
		{"", "k", "RS256", "jwk_url: missing: without keys every call would be answered with 401"},
	} {
		_, err := keeperOf(t).Signer(&config.Endpoint{Signer: &config.Signer{Alg: tt.alg, KeyID: tt.kid, JWKLocalPath: tt.path}})
		if want := "extra_config.auth/signer." + tt.want; err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// Keys at an address: 401 as long as there is none that signs, and one that came later
// is found.
func TestASignerGetsItsKeysFromAnAddress(t *testing.T) {
	key, later := keyFor(t, "RS256", "kid", "k"), keyFor(t, "ES256", "kid", "later")
	var text atomic.Pointer[string]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if text := text.Load(); text != nil {
			_, _ = w.Write([]byte(*text))
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	address := func(kid, alg string) config.Signer {
		return config.Signer{Alg: alg, KeyID: kid, JWKURL: server.URL, Insecure: true}
	}
	if got := statusOf(t, signerOf(t, keeperOf(t), address("k", "RS256"))); got != 401 {
		t.Errorf("while it is down: got %d", got)
	}
	public := setOf(t, key)
	text.Store(&public)
	if got := statusOf(t, signerOf(t, keeperOf(t), address("k", "RS256"))); got != 401 {
		t.Errorf("with a public key: got %d", got)
	}
	private := privateSetOf(t, key)
	text.Store(&private)
	s := signerOf(t, keeperOf(t), address("k", "RS256"))
	if got := statusOf(t, s); got != 200 {
		t.Errorf("with a private key: got %d", got)
	}
	if got := statusOf(t, signerOf(t, keeperOf(t), address("k", "PS512"))); got != 200 {
		t.Errorf("with a key for another algorithm of its kind: got %d", got)
	}
	if got := statusOf(t, signerOf(t, keeperOf(t), address("k", "ES256"))); got != 401 {
		t.Errorf("with a key of another kind: got %d", got)
	}
	rotated := privateSetOf(t, key, later)
	text.Store(&rotated)
	if got := statusOf(t, signerOf(t, keeperOf(t), address("later", "ES256"))); got != 200 {
		t.Errorf("with a new key: got %d", got)
	}
}

// A validator of the same address never holds what signs.
func TestValidatorsKeepNoPrivateKeys(t *testing.T) {
	text := privateSetOf(t, keyFor(t, "RS256", "kid", "k"), keyFor(t, "ES256", "kid", "e"), keyFor(t, "EdDSA", "kid", "d"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
	t.Cleanup(server.Close)
	k := NewKeeper(&config.Service{}, slog.New(slog.DiscardHandler))
	t.Cleanup(k.Close)
	s := signerOf(t, k, config.Signer{Alg: "RS256", KeyID: "k", JWKURL: server.URL, Insecure: true})
	g := guardOf(t, k, trusting(server.URL, "RS256"))
	token, err := s.Sign(context.Background(), map[string]any{})
	if err != nil || statusOf(t, g, "Authorization: "+token) != 200 {
		t.Fatalf("the token is not taken, %v", err)
	}
	for _, key := range g.(*Validator).issuer.current.Load().keys {
		if kind := fmt.Sprintf("%T", key.raw); strings.Contains(kind, "Private") {
			t.Errorf("it holds a %s", kind)
		}
	}
}
