package auth

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

var everyAlg = []string{
	"EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
}

// Each validator takes the tokens of its own algorithm and no others, though the issuer
// has a key for each under one id.
func TestEveryAlgorithmTakesItsOwnTokens(t *testing.T) {
	issuer := issuerOf(t, keyFor(t, "HS256", "kid", "k"), keyFor(t, "RS256", "kid", "k"), keyFor(t, "ES256", "kid", "k"),
		keyFor(t, "ES384", "kid", "k"), keyFor(t, "ES512", "kid", "k"), keyFor(t, "EdDSA", "kid", "k"))
	k := keeperOf(t)
	for _, alg := range everyAlg {
		g := guardOf(t, k, trusting(issuer.URL, alg))
		for _, other := range everyAlg {
			want := 401
			if other == alg {
				want = 200
			}
			token := signed(t, other, keyFor(t, other, "kid", "k"), `{"sub":"ann"}`)
			for range 2 { // the second time out of memory
				if got := statusOf(t, g, "Authorization: Bearer "+token); got != want {
					t.Errorf("%s on a validator of %s: got %d, want %d", other, alg, got, want)
				}
			}
		}
	}
	if n := issuer.asked.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times for the keys of %d validators", n, len(everyAlg))
	}
}

func TestOneForgedTokenIsRefusedInEveryShape(t *testing.T) {
	key := keyFor(t, "RS256", "kid", "k")
	g := guardOf(t, keeperOf(t), trusting(issuerOf(t, key, keyFor(t, "HS256", "kid", "h")).URL, "RS256"))
	good := signed(t, "RS256", key, `{"sub":"ann"}`)
	if got := statusOf(t, g, "Authorization: Bearer "+good); got != 200 {
		t.Fatalf("the good one: got %d", got)
	}
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	parts := strings.Split(good, ".")
	flipped := []byte(parts[2])
	flipped[0] ^= 1
	for name, token := range map[string]string{
		"nothing":                  "",
		"one part":                 parts[0],
		"two parts":                parts[0] + "." + parts[1],
		"four parts":               good + ".x",
		"dots":                     "..",
		"unsigned":                 b64(`{"alg":"none","kid":"k"}`) + "." + parts[1] + ".",
		"no signature":             parts[0] + "." + parts[1] + ".",
		"another signature":        parts[0] + "." + parts[1] + "." + string(flipped),
		"another payload":          parts[0] + "." + b64(`{"sub":"eve"}`) + "." + parts[2],
		"another spelling":         parts[0] + "." + parts[1] + "=." + parts[2],
		"a line break":             parts[0] + "\n." + parts[1] + "." + parts[2],
		"public key as a secret":   signed(t, "HS256", keyFor(t, "HS256", "kid", "k"), `{"sub":"ann"}`),
		"another key's id":         signed(t, "RS256", key, `{"sub":"ann"}`, "kid", "h"),
		"an unknown key's id":      signed(t, "RS256", key, `{"sub":"ann"}`, "kid", "x"),
		"an extension":             signed(t, "RS256", key, `{"sub":"ann"}`, "crit", []string{"exp"}),
		"claims that are a list":   signed(t, "RS256", key, `["sub"]`),
		"claims that are null":     signed(t, "RS256", key, `null`),
		"claims with a tail":       signed(t, "RS256", key, `{"sub":"ann"} {}`),
		"claims that are no JSON":  signed(t, "RS256", key, `sub`),
		"another scheme before it": "Basic " + good,
	} {
		if got := statusOf(t, g, "Authorization: "+token); got != 401 {
			t.Errorf("%s: got %d", name, got)
		}
	}
}

func TestRegisteredClaimsCount(t *testing.T) {
	key := keyFor(t, "ES256", "kid", "k")
	c := trusting(issuerOf(t, key).URL, "ES256", func(c *config.Validator) {
		c.Issuer, c.Audience, c.Leeway = "https://issuer.example", []string{"shop", "depot"}, 5*time.Minute
	})
	g := guardOf(t, keeperOf(t), c)
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	const known = `"iss":"https://issuer.example","aud":["depot","x","shop"]`
	for claims, want := range map[string]int{
		`{` + known + `}`: 200,
		fmt.Sprintf(`{%s,"exp":%d,"nbf":%d,"iat":%d}`, known, in(time.Minute), in(-time.Minute), in(-time.Minute)): 200,
		fmt.Sprintf(`{%s,"exp":%d}`, known, in(-4*time.Minute)):                                                    200, // leeway
		fmt.Sprintf(`{%s,"exp":%d}`, known, in(-6*time.Minute)):                                                    401,
		fmt.Sprintf(`{%s,"nbf":%d}`, known, in(4*time.Minute)):                                                     200,
		fmt.Sprintf(`{%s,"nbf":%d}`, known, in(6*time.Minute)):                                                     401,
		fmt.Sprintf(`{%s,"iat":%d}`, known, in(6*time.Minute)):                                                     401,
		fmt.Sprintf(`{%s,"exp":%d.5}`, known, in(time.Minute)):                                                     200,
		fmt.Sprintf(`{%s,"exp":"%d"}`, known, in(time.Minute)):                                                     401,
		`{` + known + `,"exp":1e400}`:                                                                              401,
		`{` + known + `,"exp":1e30}`:                                                                               200,
		`{` + known + `,"nbf":1e30}`:                                                                               401,
		`{"iss":"https://issuer.example/","aud":["shop","depot"]}`:                                                 401,
		`{"aud":["shop","depot"]}`:                                                                                 401,
		`{"iss":"https://issuer.example","aud":["shop"]}`:                                                          401, // all are needed
		`{"iss":"https://issuer.example","aud":"shop"}`:                                                            401,
		`{"iss":"https://issuer.example"}`:                                                                         401,
		`{"iss":["https://issuer.example"],"aud":["shop","depot"]}`:                                                401,
	} {
		if got := statusOf(t, g, "Authorization: Bearer "+signed(t, "ES256", key, claims)); got != want {
			t.Errorf("%s: got %d, want %d", claims, got, want)
		}
	}
}

func TestKeysAreIdentifiedAsConfigured(t *testing.T) {
	key := keyFor(t, "ES256", "kid", "k", "x5t", "dGh1bWI", "x5t#S256", "bG9uZ2VyIHRodW1i")
	issuer := issuerOf(t, keyFor(t, "ES384", "kid", "k"), key)
	for strategy, tokens := range map[string]map[string]int{
		"kid":      {"k,,": 200, "z,,": 401, ",dGh1bWI,": 401},
		"x5t":      {"z,dGh1bWI,": 200, "k,,": 401, "k,eA,": 401},
		"x5t#S256": {"z,,bG9uZ2VyIHRodW1i": 200, "k,dGh1bWI,": 401},
		"kid_x5t":  {"k,dGh1bWI,": 200, "k,,": 401, "kdGh1bWI,,": 401},
	} {
		g := guardOf(t, keeperOf(t), trusting(issuer.URL, "ES256", func(c *config.Validator) { c.KeyStrategy = strategy }))
		for names, want := range tokens {
			n := strings.Split(names, ",")
			token := signed(t, "ES256", keyFor(t, "ES256"), `{}`, "kid", n[0], "x5t", n[1], "x5t#S256", n[2])
			if got := statusOf(t, g, "Authorization: Bearer "+token); got != want {
				t.Errorf("%s, token of %q: got %d, want %d", strategy, names, got, want)
			}
		}
	}
}

// The reference does not say: a key without an id is for tokens without one.
func TestAKeyWithoutAnIdIsForTokensWithoutOne(t *testing.T) {
	g := guardOf(t, keeperOf(t), trusting(issuerOf(t, keyFor(t, "ES256")).URL, "ES256"))
	other := guardOf(t, keeperOf(t), trusting(issuerOf(t, keyFor(t, "ES256", "kid", "k")).URL, "ES256"))
	bare, named := signed(t, "ES256", keyFor(t, "ES256"), `{}`), signed(t, "ES256", keyFor(t, "ES256"), `{}`, "kid", "k")
	got := []int{
		statusOf(t, g, "Authorization: "+bare), statusOf(t, g, "Authorization: "+named),
		statusOf(t, other, "Authorization: "+bare), statusOf(t, other, "Authorization: "+named),
	}
	if want := []int{200, 401, 401, 200}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTokensAreFoundInHeaderThenCookie(t *testing.T) {
	key := keyFor(t, "EdDSA", "kid", "k")
	issuer := issuerOf(t, key)
	token := signed(t, "EdDSA", key, `{}`)
	usual := guardOf(t, keeperOf(t), trusting(issuer.URL, "EdDSA"))
	other := guardOf(t, keeperOf(t), trusting(issuer.URL, "EdDSA", func(c *config.Validator) { c.HeaderName, c.CookieKey = "X-Token", "session" }))
	for _, tt := range []struct {
		g       Guard
		headers []string
		want    int
	}{
		{usual, []string{"Authorization: Bearer " + token}, 200},
		{usual, []string{"Authorization: bEARER " + token}, 200},
		{usual, []string{"Authorization: " + token}, 200},
		{usual, []string{"Cookie: a=b; access_token=" + token}, 200},
		{usual, []string{"Authorization: ", "Cookie: access_token=" + token}, 200},
		{usual, []string{"Authorization: Bearer ", "Cookie: access_token=" + token}, 200},
		{usual, []string{"Authorization: Bearer x", "Cookie: access_token=" + token}, 401},
		{usual, []string{"Cookie: session=" + token}, 401},
		{usual, nil, 401},
		{other, []string{"X-Token: Bearer " + token}, 200},
		{other, []string{"X-Token: " + token}, 200},
		{other, []string{"Cookie: session=" + token}, 200},
		{other, []string{"Authorization: Bearer " + token}, 401},
		{other, []string{"Cookie: access_token=" + token}, 401},
	} {
		if got := statusOf(t, tt.g, tt.headers...); got != tt.want {
			t.Errorf("%.40q: got %d, want %d", tt.headers, got, tt.want)
		}
	}
}

func TestLocalKeysVerify(t *testing.T) {
	key := keyFor(t, "HS384", "kid", "k")
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := trusting("", "HS384", func(c *config.Validator) { c.JWKLocalPath = path })
	write(setOf(t, key))
	g := guardOf(t, keeperOf(t), c)
	for token, want := range map[string]int{
		signed(t, "HS384", key, `{}`):             200,
		signed(t, "HS384", key, `{}`, "kid", "x"): 401,
	} {
		if got := statusOf(t, g, "Authorization: "+token); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	for text, want := range map[string]string{
		`{"keys":[{"kty":"oct","k":"c2VjcmV0"`:                path + " is no JWK set",
		`{"keys":[]}`:                                         path + " holds no key that can verify a token",
		`{"keys":[{"kty":"oct","kid":"k","k":""}]}`:           path + " holds no key that can verify a token",
		`{"keys":[{"kty":"RSA","kid":"k"}]}`:                  path + " holds no key that can verify a token",
		strings.Repeat(" ", mostKeyBytes) + `{"keys":[]}`:     path + ": is longer than what is read of it",
		`{"keys":[{"kty":"oct","k":"c2VjcmV0","use":"enc"}]}`: path + " holds no key that can verify a token",
	} {
		write(text)
		_, err := keeperOf(t).Guards(&config.Endpoint{Validator: c})
		if want := "extra_config.auth/validator.jwk_local_path: " + want; err == nil || err.Error() != want {
			t.Errorf("%.60s: got %v, want %s", text, err, want)
		}
	}
	_ = os.Remove(path)
	for c, want := range map[*config.Validator]string{
		c: "jwk_local_path: open " + path + ": no such file or directory",
		trusting("https://issuer.example", "RS256", func(c *config.Validator) { c.JWKLocalCA = path }): "jwk_local_ca: open " + path + ": no such file or directory",
		trusting("", "RS256"): "jwk_url: missing: without keys every call would be answered with 401",
	} {
		_, err := keeperOf(t).Guards(&config.Endpoint{Validator: c})
		if want := "extra_config.auth/validator." + want; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// One odd key does not spoil a set.
func TestKeysThatNobodyKnowsArePassedOver(t *testing.T) {
	key := keyFor(t, "ES256", "kid", "k")
	issuer := issuerOf(t, key)
	odd := strings.Replace(*issuer.keys.Load(), `{"keys":[`, `{"keys":[{"kty":"new","kid":"k"},{"kty":"EC","crv":"P-999","kid":"k","x":"eA","y":"eA"},`, 1)
	issuer.keys.Store(&odd)
	g := guardOf(t, keeperOf(t), trusting(issuer.URL, "ES256"))
	if got := statusOf(t, g, "Authorization: "+signed(t, "ES256", key, `{}`)); got != 200 {
		t.Errorf("got %d", got)
	}
}

func TestOperationDebugTellsReasonsAndNoSecret(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "k")
	issuer := issuerOf(t, key)
	for _, debug := range []bool{false, true} {
		log := &bytes.Buffer{}
		k := NewKeeper(&config.Service{}, slog.New(slog.NewTextHandler(log, nil)))
		t.Cleanup(k.Close)
		g := guardOf(t, k, trusting(issuer.URL, "HS256", func(c *config.Validator) { c.Debug, c.Roles = debug, []string{"admin"} }))
		expired := signed(t, "HS256", key, `{"sub":"secret-subject","exp":1}`)
		clerk := signed(t, "HS256", key, `{"sub":"secret-subject"}`)
		if statusOf(t, g, "Authorization: "+expired) != 401 || statusOf(t, g, "Authorization: "+clerk) != 403 {
			t.Error("not refused")
		}
		text := log.String()
		if told := strings.Contains(text, "level=ERROR") && strings.Contains(text, "reason=expired") &&
			strings.Contains(text, `reason="no role of roles"`) && strings.Contains(text, `endpoint="GET /a"`); told != debug {
			t.Errorf("operation_debug %v: log is %q", debug, text)
		}
		if strings.Contains(text, expired[:20]) || strings.Contains(text, "secret-subject") {
			t.Errorf("the log tells a token: %s", text)
		}
	}
}

func TestTokensOfOneValidatorAreNotTakenByAnother(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "k")
	k, issuer := keeperOf(t), issuerOf(t, key)
	loose := guardOf(t, k, trusting(issuer.URL, "HS256"))
	twin := guardOf(t, k, trusting(issuer.URL, "HS256", func(c *config.Validator) { c.Roles = []string{"admin"} }))
	strict := guardOf(t, k, trusting(issuer.URL, "HS256", func(c *config.Validator) { c.Issuer = "https://issuer.example" }))
	token := "Authorization: " + signed(t, "HS256", key, `{}`)
	got := []int{statusOf(t, loose, token), statusOf(t, twin, token), statusOf(t, strict, token)}
	if want := []int{200, 403, 401}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if a, b, c := loose.(*Validator).kind, twin.(*Validator).kind, strict.(*Validator).kind; a != b || a == c {
		t.Errorf("kinds are %d, %d, %d", a, b, c)
	}
}
