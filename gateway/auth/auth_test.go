package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rawKeys are a key for each family of algorithms, made once.
var rawKeys = sync.OnceValue(func() map[string]any {
	keys := map[string]any{"HS": []byte("a secret of more than thirty-two bytes, for HS512 even more than that: sixty-four")}
	var err error
	must := func() {
		if err != nil {
			panic(err)
		}
	}
	keys["RS"], err = rsa.GenerateKey(rand.Reader, 2048)
	must()
	keys["ES256"], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must()
	keys["ES384"], err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must()
	keys["ES512"], err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must()
	_, keys["EdDSA"], err = ed25519.GenerateKey(rand.Reader)
	must()
	return keys
})

// keyFor is a key that alg signs with. pairs are members of the JWK: name, value.
func keyFor(t testing.TB, alg string, pairs ...string) jwk.Key {
	t.Helper()
	family := alg
	if _, whole := rawKeys()[alg]; !whole {
		family = strings.Replace(alg[:2], "PS", "RS", 1)
	}
	k, err := jwk.Import(rawKeys()[family])
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if err := k.Set(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// setOf is the text of a JWK set; public keys only, but for secrets.
func setOf(t testing.TB, keys ...jwk.Key) string {
	t.Helper()
	set := jwk.NewSet()
	for _, k := range keys {
		if k.KeyType() != jwa.OctetSeq() {
			public, err := k.PublicKey()
			if err != nil {
				t.Fatal(err)
			}
			k = public
		}
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

// signed is a token with these claims. pairs are members of its header, in place of
// the key's kid: name, value.
func signed(t testing.TB, alg string, k jwk.Key, claims string, pairs ...any) string {
	t.Helper()
	header := map[string]any{"alg": alg}
	if kid, ok := k.KeyID(); ok {
		header["kid"] = kid
	}
	for i := 0; i < len(pairs); i += 2 {
		header[pairs[i].(string)] = pairs[i+1]
	}
	head, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	var raw any
	if err := jwk.Export(k, &raw); err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64(head) + "." + b64([]byte(claims))
	signature, err := jwsbb.Sign(raw, alg, []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

// issuing is an issuer under test.
type issuing struct {
	URL   string
	keys  atomic.Pointer[string] // nil: it is down
	asked atomic.Int32
}

func issuerOf(t testing.TB, keys ...jwk.Key) *issuing {
	t.Helper()
	i := &issuing{}
	text := setOf(t, keys...)
	i.keys.Store(&text)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		if text := i.keys.Load(); text != nil {
			_, _ = w.Write([]byte(*text))
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(s.Close)
	i.URL = s.URL
	return i
}

func keeperOf(t testing.TB) *Keeper {
	t.Helper()
	k := NewKeeper(&config.Service{}, slog.New(slog.DiscardHandler))
	t.Cleanup(k.Close)
	return k
}

// trusting is a validator's block with KrakenD's defaults and cached keys.
func trusting(url, alg string, change ...func(*config.Validator)) *config.Validator {
	c := &config.Validator{
		Alg: alg, JWKURL: url, Insecure: true, CacheDuration: time.Hour, KeyStrategy: "kid", Leeway: time.Second,
		RolesKey: "roles", HeaderName: "Authorization", CookieKey: "access_token",
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func guardOf(t testing.TB, k *Keeper, c *config.Validator) Guard {
	t.Helper()
	list, err := k.Guards(&config.Endpoint{Method: "GET", Path: "/a", Validator: c})
	if err != nil || len(list.Identify) != 1 {
		t.Fatalf("got %+v, %v", list, err)
	}
	return list.Identify[0]
}

// ask sends one request to g. The status is 200 when it may go on.
func ask(t testing.TB, g Guard, headers ...string) (status int, admitted *http.Request) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/a", nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	admitted, ok := g.Admit(w, r, nil)
	if ok {
		return http.StatusOK, admitted
	}
	if w.Body.Len() > 0 || w.Header().Get("Content-Type") != "" {
		t.Errorf("refused with %q, %v", w.Body, w.Header())
	}
	return w.Code, nil
}

func statusOf(t testing.TB, g Guard, headers ...string) int {
	t.Helper()
	status, _ := ask(t, g, headers...)
	return status
}
