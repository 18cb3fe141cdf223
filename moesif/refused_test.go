package moesif

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Whoever the gateway refuses is reported, and attributed as identified; but for
// those it could not tell, who are nobody, whatever the source of their ids.
func TestOnlyTheUnauthenticatedAreNobody(t *testing.T) {
	sources := map[string]struct {
		keys    string
		headers []string
	}{
		"Basic, and a query parameter": {`"identify_company":{"query_string":"org"}`, []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:x"))}},
		"Bearer, and a claim":          {`"identify_company":{"jwt_claim":"org"}`, []string{"Authorization", bearer(`{"sub":"alice","org":"acme"}`)}},
		"headers":                      {`"identify_company":{"header":"X-Tenant"}`, []string{"X-User", "alice", "X-Tenant", "acme"}},
	}
	statuses := map[string]int{
		Unauthenticated: 401, Forbidden: 403, RateLimited: 429, Quota: 429, Blocked: 402, NotFound: 404, MethodNotAllowed: 405, BadRequest: 400,
	}
	for source, tt := range sources {
		g := start(t, tt.keys)
		for reason, status := range statuses {
			call(g, func(w http.ResponseWriter, r *http.Request) {
				From(r.Context()).Refuse(reason)
				w.WriteHeader(status)
			}, "GET", "/?org=acme", tt.headers...)
		}
		events := g.drain(t)
		if len(events) != len(statuses) {
			t.Errorf("%s: %d of %d refused calls are reported", source, len(events), len(statuses))
		}
		for _, e := range events {
			got := gatemeter(t, e)
			user, company, identity := "alice", "acme", "claimed"
			if got.Refused == Unauthenticated {
				user, company, identity = "", "", "none"
			}
			if e.UserID != user || e.CompanyID != company || got.Identity != identity || e.Response.Status != statuses[got.Refused] {
				t.Errorf("%s: %s %d is attributed to %q of %q, %s", source, got.Refused, e.Response.Status, e.UserID, e.CompanyID, got.Identity)
			}
		}
	}
}

// A claim of a token that was not validated names nobody to the rules either.
func TestRulesSeeNobodyInTheUnauthenticated(t *testing.T) {
	g := governed(t, "", rules(`{"_id":"u","type":"user","block":true,"applied_to":"not_matching","response":{"status":402}}`), "")
	for reason, want := range map[string]bool{Unauthenticated: true, Forbidden: false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", bearer(`{"sub":"alice"}`))
		g.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			From(r.Context()).Refuse(reason)
			if got := g.Govern(w, r); got != want {
				t.Errorf("%s: passes %v", reason, got)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

// Names of headers know no case, neither in the file nor on the wire.
func TestHeadersThatIdentifyAreFoundInAnyCase(t *testing.T) {
	g := start(t, `"user_id_headers":["x-uSER-id"],"identify_company":{"header":"x-TENANT"}`)
	s := g.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["x-user-ID"] = []string{"alice"} // as it stands, not made canonical
	r.Header["X-tenant"] = []string{"acme"}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, resp)
	if e := g.one(t); e.UserID != "alice" || e.CompanyID != "acme" {
		t.Errorf("attributed to %q of %q", e.UserID, e.CompanyID)
	}
}
