package identity

import "testing"

func TestCompanyClaimsFollowTheRulesOfUserClaims(t *testing.T) {
	bearerOf := func(claims string) string { return ": Bearer " + token(claims) }
	for _, tt := range []struct {
		name  string
		users []string
		claim string
		lines []string
		want  string
	}{
		{"a literal key with the dot that is no string", nil, "org.id", []string{"Authorization" + bearerOf(`{"org":{"id":"nested"},"org.id":7}`)}, ""},
		{"a literal key with the dot that is null", nil, "org.id", []string{"Authorization" + bearerOf(`{"org":{"id":"nested"},"org.id":null}`)}, ""},
		{"a literal key at the second level", nil, "a.b.c", []string{"Authorization" + bearerOf(`{"a":{"b":{"c":"deep"},"b.c":"literal"}}`)}, "literal"},
		{"a literal key at the second level that is no string", nil, "a.b.c", []string{"Authorization" + bearerOf(`{"a":{"b":{"c":"deep"},"b.c":[]}}`)}, ""},
		{"a claim that is no string", nil, "org", []string{"Authorization" + bearerOf(`{"org":["acme"]}`)}, ""},
		{"an absent claim", nil, "org", []string{"Authorization" + bearerOf(`{"sub":"u"}`)}, ""},
		{"the scheme in any case", nil, "org", []string{"Authorization: bEaReR " + token(`{"org":"acme"}`)}, "acme"},
		{"the first listed header that holds a token, not the first present", []string{"X-User", "X-Token", "Authorization"}, "org",
			[]string{"Authorization" + bearerOf(`{"org":"later"}`), "X-Token" + bearerOf(`{"org":"first"}`), "X-User: u"}, "first"},
		{"Basic is passed over", []string{"Authorization", "X-Token"}, "org",
			[]string{"Authorization: Basic " + basic("a:b"), "X-Token" + bearerOf(`{"org":"acme"}`)}, "acme"},
		{"Authorization where no listed header holds a token", []string{"X-User"}, "org",
			[]string{"X-User: u", "Authorization" + bearerOf(`{"org":"acme"}`)}, "acme"},
		{"no other header than those", []string{"X-User"}, "org", []string{"X-User: u", "X-Token" + bearerOf(`{"org":"acme"}`)}, ""},
	} {
		s := Sources{UserHeaders: tt.users, UserClaim: "sub", CompanyClaim: tt.claim}
		if got := s.Identify(&Request{Headers: headers(tt.lines...)}); got.CompanyID != tt.want || got.Verified {
			t.Errorf("%s: got %+v, want company %q", tt.name, got, tt.want)
		}
	}
}

// Each source of the company stands beside whichever user was found.
func TestCompanyDoesNotDependOnTheUser(t *testing.T) {
	for name, s := range map[string]Sources{
		"header": {CompanyHeader: "X-Tenant"}, "query": {CompanyQuery: "org"},
	} {
		s.UserHeaders, s.UserClaim = []string{"X-User"}, "sub"
		for _, user := range []string{"", "alice"} {
			r := Request{Headers: headers("X-Tenant: acme"), RawQuery: "org=acme"}
			if user != "" {
				r.Headers = append(r.Headers, headers("X-User: "+user)...)
			}
			if got := s.Identify(&r); got.UserID != user || got.CompanyID != "acme" {
				t.Errorf("%s: got %+v", name, got)
			}
		}
	}
}
