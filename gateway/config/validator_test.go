package config

import (
	"crypto/sha256"
	"reflect"
	"testing"
	"time"
)

func TestValidatorIsReadAsWritten(t *testing.T) {
	s, err := Load("testdata/good/validator.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	nothing := sha256.Sum256(nil)
	const issuer = "https://issuer.example/jwks"
	least := func(change func(*Validator)) *Validator {
		v := &Validator{
			Alg: "RS256", JWKURL: issuer, KeyStrategy: "kid", Leeway: time.Second, RolesKey: "roles",
			HeaderName: "Authorization", CookieKey: "access_token",
		}
		change(v)
		return v
	}
	want := []*Validator{
		{
			Alg: "ES256", JWKURL: issuer, Insecure: true, CacheDuration: 1000 * time.Second, KeyCooldown: 5 * time.Second,
			KeyStrategy: "x5t#S256", Issuer: "https://issuer.example", Audience: []string{"shop"}, Leeway: 5 * time.Second,
			Roles: []string{"admin", "clerk"}, RolesKey: "realm_access.roles", RolesNested: true,
			Scopes: []string{"read"}, ScopesKey: "scope", AllScopes: true,
			Propagate: []Propagation{{"sub", "X-User"}, {"account.id", "X-Account"}}, PreserveArray: true,
			HeaderName: "X-Token", CookieKey: "session", Debug: true, JWKLocalCA: "ca.pem", CipherSuites: []uint16{10, 49195}, Pins: [][]byte{nothing[:]},
		},
		least(func(v *Validator) { v.JWKURL, v.Insecure = "http://issuer.example/jwks", true }),
		least(func(*Validator) {}),
		least(func(v *Validator) { v.Alg, v.JWKURL, v.JWKLocalPath = "HS256", "", "keys.json" }),
		// The shared cache counts where it is longer; 0 stands for 900 seconds.
		least(func(v *Validator) { v.CacheDuration, v.Leeway = 900*time.Second, 0 }),
		least(func(*Validator) {}),
	}
	for i, w := range want {
		if got := s.Endpoints[i].Validator; !reflect.DeepEqual(got, w) {
			t.Errorf("%s:\n got %+v\nwant %+v", s.Endpoints[i].Path, got, w)
		}
	}
}
