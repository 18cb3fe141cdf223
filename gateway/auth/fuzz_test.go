package auth

import (
	"strings"
	"testing"
	"time"
)

func FuzzToken(f *testing.F) {
	f.Add(signed(f, "HS256", keyFor(f, "HS256", "kid", "k"), `{"sub":"a","exp":1,"aud":["x"]}`))
	f.Add("a.b.c")
	f.Add("e30.e30.")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	ring, err := parseKeyring([]byte(setOf(f, keyFor(f, "HS256", "kid", "k"))))
	if err != nil {
		f.Fatal(err)
	}
	known := signed(f, "HS256", keyFor(f, "HS256", "kid", "k"), `{"sub":"a","exp":1,"aud":["x"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseToken(text)
		if err != nil {
			return
		}
		if strings.Count(text, ".") != 2 {
			t.Fatalf("%q is taken for a token", text)
		}
		if claims, err := token.claims(); err == nil {
			_, _ = check(claims, "", []string{"x"}, time.Second, time.Unix(0, 0))
			for name, v := range claims {
				_ = ClaimText(v)
				_, _ = claim(claims, name, true)
			}
		}
		if token.alg == "HS256" && token.verify(&ring.keys[0]) == nil && text != known {
			t.Fatalf("forged: %q", text)
		}
	})
}

func FuzzKeyring(f *testing.F) {
	f.Add([]byte(setOf(f, keyFor(f, "HS256", "kid", "k"), keyFor(f, "ES256", "kid", "e"), keyFor(f, "EdDSA"))))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"kty":"oct","k":"eA"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := parseKeyring(text)
		if err != nil {
			return
		}
		for _, alg := range everyAlg {
			for i := range ring.keys {
				if k := &ring.keys[i]; k.suits(alg) {
					token := &token{alg: alg, signed: []byte("a.b"), signature: []byte("sixteen bytes...")}
					_ = token.verify(k) // an odd key must not panic
				}
			}
		}
	})
}
