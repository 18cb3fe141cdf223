package auth

import (
	"slices"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestRolesAndScopesAreAskedFor(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "k")
	issuer := issuerOf(t, key)
	roles := func(key string, nested bool) func(*config.Validator) {
		return func(c *config.Validator) {
			c.Roles, c.RolesKey, c.RolesNested = []string{"admin", "clerk"}, key, nested
		}
	}
	scopes := func(key string, all bool) func(*config.Validator) {
		return func(c *config.Validator) { c.Scopes, c.ScopesKey, c.AllScopes = []string{"read", "write"}, key, all }
	}
	for _, tt := range []struct {
		change func(*config.Validator)
		claims string
		want   int
	}{
		{roles("roles", false), `{"roles":["x","clerk"]}`, 200},
		{roles("roles", false), `{"roles":"x admin"}`, 200},
		{roles("roles", false), `{"roles":"administrator"}`, 403},
		{roles("roles", false), `{"roles":[1,["admin"]]}`, 403},
		{roles("roles", false), `{"roles":{"admin":true}}`, 403},
		{roles("roles", false), `{}`, 403},
		{roles("a.roles", true), `{"a":{"roles":["admin"]}}`, 200},
		{roles("a.roles", true), `{"a.roles":["admin"]}`, 403},
		{roles("a.roles", false), `{"a.roles":["admin"]}`, 200},
		{roles("a.roles", false), `{"a":{"roles":["admin"]}}`, 403},
		{roles("a.b.roles", true), `{"a":{"b":["admin"]}}`, 403},
		{roles("http://shop.example/roles", true), `{"http://shop.example/roles":["admin"]}`, 200},
		{roles("http://shop.example/roles", true), `{"http://shop":{"example/roles":["admin"]}}`, 403},
		{roles("https://shop.example/roles", true), `{"https://shop.example/roles":"admin"}`, 200},
		{roles("httpd.roles", true), `{"httpd.roles":["admin"]}`, 200}, // KrakenD looks at four letters
		{roles("httpd.roles", true), `{"httpd":{"roles":["admin"]}}`, 403},
		{roles("roles", true), `{"roles":["admin"]}`, 200}, // no dot
		{scopes("scope", false), `{"scope":"read"}`, 200},
		{scopes("scope", false), `{"scope":["write"]}`, 200},
		{scopes("scope", false), `{"scope":"reads"}`, 403},
		{scopes("scope", false), `{}`, 403},
		{scopes("scope", true), `{"scope":"write read"}`, 200},
		{scopes("scope", true), `{"scope":"read"}`, 403},
		{scopes("a.scope", true), `{"a":{"scope":["read","write"]}}`, 200},
		{scopes("a.scope", true), `{"a.scope":["read","write"]}`, 403},
		{scopes("http://a.scope", true), `{"http://a":{"scope":["read","write"]}}`, 200}, // always a path, chosen for addresses too
		{scopes("http://a.scope", true), `{"http://a.scope":["read","write"]}`, 403},
	} {
		c := trusting(issuer.URL, "HS256", tt.change)
		if got := statusOf(t, guardOf(t, keeperOf(t), c), "Authorization: "+signed(t, "HS256", key, tt.claims)); got != tt.want {
			t.Errorf("roles in %q, scopes in %q, claims %s: got %d, want %d", c.RolesKey, c.ScopesKey, tt.claims, got, tt.want)
		}
	}
}

const richClaims = `{"sub":"ann","int":42,"big":12345678901234567890123,"id":1234567890123456789,"whole":3.0,"part":1.5,"yes":true,"no":null,
	"list":["a",1,2.5],"nothing":[],"obj":{"b":1,"a":"x"},"deep":{"er":{"name":"x"}},"http://e.x/n":"url","a.b":"literal","evil":"a\r\nX-Admin: 1",
	"half":0.5,"tiny":1e-9,"minus":-7,"words":"b c","nested":[[1,2],{"k":"v"}]}`

// Lists in lists are written as lists are: the reference does not say.
func TestClaimsArePropagatedInHeaders(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "k")
	issuer := issuerOf(t, key)
	want := map[string][]string{
		"sub": {"ann"}, "int": {"42"}, "id": {"1234567890123456789"}, "big": {"12345678901234567741440.000000"}, "whole": {"3"}, "part": {"1.500000"},
		"yes": {"true"}, "no": {"null"}, "list": {"a,1,2.500000"}, "nothing": {""}, "obj": {`{"a":"x","b":1}`}, "deep.er.name": {"x"},
		"half": {"0.500000"}, "tiny": {"0.000000"}, "minus": {"-7"}, "words": {"b c"}, "nested": {`1,2,{"k":"v"}`},
		"http://e.x/n": {"url"}, "a.b": {""}, "missing": {""}, "deep.none.name": {""}, "evil": {""},
	}
	for _, preserve := range []bool{false, true} {
		if preserve {
			want["list"] = []string{"a", "1", "2.500000"}
			want["nested"] = []string{"1,2", `{"k":"v"}`}
		}
		for name, values := range want {
			g := guardOf(t, keeperOf(t), trusting(issuer.URL, "HS256", func(c *config.Validator) {
				c.Propagate, c.PreserveArray = []config.Propagation{{Claim: name, Header: "X-Claim"}}, preserve
			}))
			_, r := ask(t, g, "Authorization: "+signed(t, "HS256", key, richClaims), "X-Claim: made up", "X-Claim: twice")
			if got := r.Header["X-Claim"]; !slices.Equal(got, values) {
				t.Errorf("%s: got %q, want %q", name, got, values)
			}
		}
	}
}

func TestClaimsReachThePipe(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "k")
	g := guardOf(t, keeperOf(t), trusting(issuerOf(t, key).URL, "HS256"))
	for range 2 {
		_, r := ask(t, g, "Authorization: "+signed(t, "HS256", key, `{"sub":"ann","n":1}`))
		claims := Claims(r.Context())
		if claims["sub"] != "ann" || ClaimText(claims["n"]) != "1" {
			t.Errorf("got %v", claims)
		}
	}
	if got := Claims(t.Context()); got != nil {
		t.Errorf("claims without a token: %v", got)
	}
}
