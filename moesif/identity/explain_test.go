package identity

import (
	"strings"
	"testing"
)

func TestExplainSaysWhereTheCallerWasLookedFor(t *testing.T) {
	user := Sources{UserHeaders: []string{"X-User-Id", "Authorization"}, UserClaim: "user.id"}
	company := func(s Sources) Sources {
		s.UserHeaders = []string{"X-User-Id"}
		return s
	}
	bearerOf := func(claims string) string { return "Authorization: Bearer " + token(claims) }
	for _, c := range []struct {
		sources Sources
		in      Request
		want    string
	}{
		{user, Request{}, "no user: none of X-User-Id, Authorization is present"},
		{Sources{}, Request{}, "no user: user_id_headers names no header"},
		{Sources{UserHeaders: []string{"X-User-Id"}}, Request{}, "no user: X-User-Id is not present"},
		{user, Request{Headers: headers("X-User-Id: s3cret")}, "user from X-User-Id"},
		{user, Request{Headers: headers("X-User-Id:")}, "no user: X-User-Id is empty or unreadable"},
		{user, Request{Headers: headers("Authorization: Basic " + basic("s3cret:x"))}, "user from the user name in Authorization (Basic)"},
		{user, Request{Headers: headers("Authorization: Basic s3cret")}, "no user: the user name in Authorization (Basic) is empty or unreadable"},
		{user, Request{Headers: headers("Authorization: Digest s3cret")}, "no user: Authorization is neither Basic nor Bearer"},
		{user, Request{Headers: headers("Authorization: Bearer  ")}, "no user: Authorization is neither Basic nor Bearer"},
		{user, Request{Headers: headers("Authorization: Bearer s3cret")}, "no user: the Bearer token of Authorization cannot be read"},
		{user, Request{Headers: headers(bearerOf(`{"user":{"id":"s3cret"}}`))}, `user from the claim "user.id" of the Bearer token of Authorization`},
		{user, Request{Headers: headers(bearerOf(`{"sub":"s3cret"}`))}, `no user: the Bearer token of Authorization has no claim "user.id"`},
		{user, Request{Headers: headers(bearerOf(`{"user.id":31337}`))}, `no user: the claim "user.id" of the Bearer token of Authorization is not a string`},
		{user, Request{Headers: headers(bearerOf(`{"user.id":""}`))}, `no user: the claim "user.id" of the Bearer token of Authorization is empty or unreadable`},
		{user, Request{Headers: headers("X-User-Id: Bearer " + token(`{"user":{"id":"s3cret"}}`))}, `user from the claim "user.id" of the Bearer token of X-User-Id`},
		{user, Request{Headers: headers("Authorization: s3cret"), Claims: map[string]any{"user.id": "s3cret"}}, `user from the claim "user.id" of the validated token`},
		{user, Request{Claims: map[string]any{}}, `no user: the validated token has no claim "user.id"`},
		{company(Sources{CompanyHeader: "X-Tenant"}), Request{Headers: headers("X-Tenant: s3cret")}, "no user: X-User-Id is not present; company from X-Tenant"},
		{company(Sources{CompanyHeader: "X-Tenant"}), Request{Headers: headers("X-User-Id: s3cret")}, "user from X-User-Id; no company: X-Tenant is not present"},
		{company(Sources{CompanyQuery: "org"}), Request{RawQuery: "org=s3cret"}, `no user: X-User-Id is not present; company from the query parameter "org"`},
		{company(Sources{CompanyQuery: "org"}), Request{RawQuery: "x=s3cret"}, `no user: X-User-Id is not present; no company: there is no query parameter "org"`},
		{company(Sources{CompanyClaim: "org"}), Request{}, "no user: X-User-Id is not present; no company: no header holds a Bearer token"},
		{company(Sources{CompanyClaim: "org"}), Request{Headers: headers(bearerOf(`{"org":"s3cret"}`))}, `no user: X-User-Id is not present; company from the claim "org" of the Bearer token of Authorization`},
	} {
		got := c.sources.Explain(&c.in)
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		if who := c.sources.Identify(&c.in); strings.HasPrefix(got, "no user") != (who.UserID == "") || strings.Contains(got, "; no company") && who.CompanyID != "" {
			t.Errorf("%s, yet %+v", got, who)
		}
		if strings.Contains(got, "s3cret") || strings.Contains(got, "31337") {
			t.Errorf("shows a value: %s", got)
		}
	}
}
