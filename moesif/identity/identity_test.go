package identity

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// headers reads "Name: value" lines.
func headers(lines ...string) wire.Headers {
	var h wire.Headers
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		h = append(h, wire.Header{Name: http.CanonicalHeaderKey(name), Value: strings.TrimSpace(value)})
	}
	return h
}

func token(claims string) string {
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func basic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestFirstPresentHeaderDecidesWhoTheUserIs(t *testing.T) {
	tests := []struct {
		name  string
		list  []string
		claim string
		in    wire.Headers
		want  string
	}{
		{"basic gives the user name", []string{"Authorization"}, "sub", headers("Authorization: Basic " + basic("alice:secret")), "alice"},
		{"scheme in any case", []string{"Authorization"}, "sub", headers("authorization: bAsIc " + basic("alice:x")), "alice"},
		{"basic without padding", []string{"Authorization"}, "sub", headers("Authorization: Basic " + strings.TrimRight(basic("al:x"), "=")), "al"},
		{"basic with a colon in the password", []string{"Authorization"}, "sub", headers("Authorization: Basic " + basic("a:b:c")), "a"},
		{"basic without a colon is nobody", []string{"Authorization"}, "sub", headers("Authorization: Basic " + basic("alice")), ""},
		{"basic that is no base64 is nobody", []string{"Authorization"}, "sub", headers("Authorization: Basic %%%"), ""},
		{"basic without a user is nobody", []string{"Authorization"}, "sub", headers("Authorization: Basic " + basic(":x")), ""},
		{"bearer gives the claim", []string{"Authorization"}, "sub", headers("Authorization: Bearer " + token(`{"sub":"u1"}`)), "u1"},
		{"bearer scheme in any case", []string{"Authorization"}, "sub", headers("Authorization: BEARER   " + token(`{"sub":"u1"}`)), "u1"},
		{"claims with padding", []string{"Authorization"}, "sub", headers("Authorization: Bearer e30." + base64.URLEncoding.EncodeToString([]byte(`{"sub":"padded"}`)) + "."), "padded"},
		{"nested claim", []string{"Authorization"}, "user.id", headers("Authorization: Bearer " + token(`{"user":{"id":"u2"}}`)), "u2"},
		{"literal dotted claim first", []string{"Authorization"}, "user.id", headers("Authorization: Bearer " + token(`{"user":{"id":"nested"},"user.id":"literal"}`)), "literal"},
		{"literal dotted claim that is no string is nobody", []string{"Authorization"}, "user.id", headers("Authorization: Bearer " + token(`{"user":{"id":"nested"},"user.id":7}`)), ""},
		{"literal dotted claim that is null is nobody", []string{"Authorization"}, "user.id", headers("Authorization: Bearer " + token(`{"user":{"id":"nested"},"user.id":null}`)), ""},
		{"literal first at the second level too", []string{"Authorization"}, "a.b.c", headers("Authorization: Bearer " + token(`{"a":{"b":{"c":"deep"},"b.c":"literal"}}`)), "literal"},
		{"literal key as the first step", []string{"Authorization"}, "https://x.io/user.id", headers("Authorization: Bearer " + token(`{"https://x.io/user":{"id":"u3"}}`)), "u3"},
		{"claim that is no string is nobody", []string{"Authorization"}, "sub", headers("Authorization: Bearer " + token(`{"sub":42}`)), ""},
		{"missing claim is nobody", []string{"Authorization"}, "sub", headers("Authorization: Bearer " + token(`{}`)), ""},
		{"walking into a string is nobody", []string{"Authorization"}, "sub.id", headers("Authorization: Bearer " + token(`{"sub":"x"}`)), ""},
		{"payload that is no object is nobody", []string{"Authorization"}, "sub", headers("Authorization: Bearer " + token(`["sub"]`)), ""},
		{"two segments are no token", []string{"Authorization"}, "sub", headers("Authorization: Bearer e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x"}`))), ""},
		{"four segments are no token", []string{"Authorization"}, "sub", headers("Authorization: Bearer " + token(`{"sub":"x"}`) + ".x"), ""},
		{"too long a token is nobody", []string{"Authorization"}, "sub", headers("Authorization: Bearer " + token(`{"sub":"x","pad":"`+strings.Repeat("p", maxToken)+`"}`)), ""},
		{"bearer without a token is nobody", []string{"Authorization"}, "sub", headers("Authorization: Bearer"), ""},
		{"another scheme is nobody", []string{"Authorization"}, "sub", headers("Authorization: Digest username=\"x\""), ""},
		{"any other header gives its value", []string{"X-User"}, "sub", headers("x-user: u-42"), "u-42"},
		{"order of the list, not of the request", []string{"X-User", "Authorization"}, "sub", headers("Authorization: Basic "+basic("alice:x"), "X-User: u-42"), "u-42"},
		{"absent ones are passed over", []string{"X-User", "Authorization"}, "sub", headers("Authorization: Basic " + basic("alice:x")), "alice"},
		{"first present one counts though no id comes of it", []string{"Authorization", "X-User"}, "sub", headers("Authorization: Bearer nonsense", "X-User: u-42"), ""},
		{"present but empty is nobody", []string{"X-User", "Authorization"}, "sub", headers("X-User:", "Authorization: Basic "+basic("alice:x")), ""},
		{"first of several values", []string{"X-User"}, "sub", headers("X-User: one", "X-User: two"), "one"},
		{"a whole token is never an id", []string{"X-Token"}, "sub", headers("X-Token: Bearer " + token(`{"sub":"u5"}`)), "u5"},
		{"nothing listed is nobody", nil, "sub", headers("X-User: u"), ""},
		{"nothing present is nobody", []string{"X-User"}, "sub", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Sources{UserHeaders: tt.list, UserClaim: tt.claim}
			got := s.Identify(&Request{Headers: tt.in})
			if got.UserID != tt.want || got.Verified || got.CompanyID != "" {
				t.Errorf("got %+v, want user %q", got, tt.want)
			}
			if got.IsNone() != (tt.want == "") {
				t.Errorf("IsNone() = %v for %+v", got.IsNone(), got)
			}
		})
	}
}

func TestCompanyComesFromItsOneSource(t *testing.T) {
	bearerOf := func(claims string) string { return "Bearer " + token(claims) }
	tests := []struct {
		name    string
		sources Sources
		in      Request
		want    string
	}{
		{"header", Sources{CompanyHeader: "X-Tenant"}, Request{Headers: headers("x-tenant: acme")}, "acme"},
		{"header absent", Sources{CompanyHeader: "X-Tenant"}, Request{}, ""},
		{"query", Sources{CompanyQuery: "company"}, Request{RawQuery: "a=1&company=acme%20inc&company=b"}, "acme inc"},
		{"query with an escaped name", Sources{CompanyQuery: "org id"}, Request{RawQuery: "org+id=acme"}, "acme"},
		{"query present and empty", Sources{CompanyQuery: "company"}, Request{RawQuery: "company=&company=b"}, ""},
		{"query without equals", Sources{CompanyQuery: "company"}, Request{RawQuery: "company"}, ""},
		{"query pairs with a semicolon do not count", Sources{CompanyQuery: "company"}, Request{RawQuery: "company=a;b&company=c"}, "c"},
		{"query pairs with a bad escape do not count", Sources{CompanyQuery: "company"}, Request{RawQuery: "company=%zz&company=c"}, "c"},
		{"query name is exact", Sources{CompanyQuery: "company"}, Request{RawQuery: "Company=a"}, ""},
		{"claim of Authorization, though it is not listed", Sources{CompanyClaim: "org"}, Request{Headers: headers("Authorization: " + bearerOf(`{"org":"acme"}`))}, "acme"},
		{"claim of the first listed header with a token", Sources{UserHeaders: []string{"X-User", "X-Token"}, CompanyClaim: "org"},
			Request{Headers: headers("X-User: u", "X-Token: "+bearerOf(`{"org":"listed"}`), "Authorization: "+bearerOf(`{"org":"other"}`))}, "listed"},
		{"nested claim", Sources{CompanyClaim: "org.id"}, Request{Headers: headers("Authorization: " + bearerOf(`{"org":{"id":"acme"}}`))}, "acme"},
		{"literal dotted claim", Sources{CompanyClaim: "org.id"}, Request{Headers: headers("Authorization: " + bearerOf(`{"org":{"id":"no"},"org.id":"acme"}`))}, "acme"},
		{"claim with Basic is nobody", Sources{CompanyClaim: "org"}, Request{Headers: headers("Authorization: Basic " + basic("a:b"))}, ""},
		{"no source", Sources{}, Request{Headers: headers("X-Tenant: acme"), RawQuery: "company=acme"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.sources.Identify(&tt.in); got.CompanyID != tt.want || got.Verified {
				t.Errorf("got %+v, want company %q, not verified", got, tt.want)
			}
		})
	}
}

func TestOnlyValidatedClaimsCountWhereAnEndpointValidates(t *testing.T) {
	forged := "Authorization: Bearer " + token(`{"sub":"forged","org":"forged"}`)
	s := Sources{UserHeaders: []string{"Authorization"}, UserClaim: "sub", CompanyClaim: "org"}
	claims := map[string]any{"sub": "real", "org": "acme"}
	tests := []struct {
		name    string
		sources Sources
		in      Request
		want    Identity
	}{
		{"validated instead of the token's", s, Request{Headers: headers(forged), Claims: claims}, Identity{"real", "acme", true}},
		{"none validated means none", s, Request{Headers: headers(forged), Claims: map[string]any{}}, Identity{}},
		{"a token from a cookie", s, Request{Claims: claims}, Identity{"real", "acme", true}},
		{"a token without a scheme", s, Request{Headers: headers("Authorization: raw"), Claims: claims}, Identity{"real", "acme", true}},
		{"a company out of a header stays, and is claimed",
			Sources{UserHeaders: s.UserHeaders, UserClaim: "sub", CompanyHeader: "X-Tenant"},
			Request{Headers: headers(forged, "X-Tenant: t"), Claims: claims}, Identity{"real", "t", false}},
		{"an absent company does not spoil a verified user",
			Sources{UserHeaders: s.UserHeaders, UserClaim: "sub", CompanyHeader: "X-Tenant"},
			Request{Headers: headers(forged), Claims: claims}, Identity{"real", "", true}},
		{"a user out of another header stays, and is claimed",
			Sources{UserHeaders: []string{"X-User"}, UserClaim: "sub"},
			Request{Headers: headers(forged, "X-User: u"), Claims: claims}, Identity{"u", "", false}},
		{"a basic user is claimed", s, Request{Headers: headers("Authorization: Basic " + basic("bob:x")), Claims: map[string]any{}}, Identity{"bob", "", false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.sources.Identify(&tt.in); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add("Bearer "+token(`{"a":{"b":"c"}}`), "company=x&y=%41", "a.b")
	f.Add("Basic "+basic("a:b"), "a;b=c", ".")
	f.Add("bearer a.b.c", "&&=&%", "..")
	f.Fuzz(func(t *testing.T, value, query, claim string) {
		r := Request{Headers: wire.Headers{{Name: "Authorization", Value: value}, {Name: "X-Any", Value: value}}, RawQuery: query}
		for _, header := range []string{"Authorization", "X-Any"} {
			s := Sources{UserHeaders: []string{header}, UserClaim: claim, CompanyQuery: claim}
			if got := s.Identify(&r); got.Verified {
				t.Fatalf("verified without validated claims: %+v", got)
			}
		}
	})
}
