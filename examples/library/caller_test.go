package library_test

import (
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/gatemeter/gatemeter/moesif"
)

// A service that knows its callers better than their headers do. Hooks are asked
// about every request.
func Example_hooks() {
	collector := newCollector()
	integration := newIntegration(collector, moesif.Options{Hooks: moesif.Hooks{
		Identify: func(r *http.Request) moesif.Caller {
			s, ok := sessions[cookie(r, "session")]
			if !ok {
				return moesif.Caller{}
			}
			return moesif.Caller{UserID: s.user, CompanyID: s.company, SessionToken: s.id}
		},
		Metadata: func(r *http.Request) map[string]any {
			return map[string]any{"region": r.Header.Get("X-Region")}
		},
	}})
	service := httptest.NewServer(integration.Wrap(http.NotFoundHandler()))

	get(service.URL+"/a", "Cookie", "session=k3y", "X-Region", "eu")
	get(service.URL+"/b", "X-User", "bob", "X-Region", "us") // the hook knows nobody: the header does
	finish(service, integration, collector)
	// Output:
	// Incoming GET /a 404 user=alice company=acme session=s-1 identity=verified metadata=map[region:eu]
	// Incoming GET /b 404 user=bob identity=claimed metadata=map[region:us]
}

// A service that authenticates first. Capture goes outermost, so that what is
// refused is reported as well; Govern goes behind, so that rules see who it is.
func Example_authenticated() {
	collector := newCollector()
	integration := newIntegration(collector, moesif.Options{})

	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		moesif.From(r.Context()).SetMetadata(map[string]any{"plan": "gold"})
		_, _ = io.WriteString(w, "your orders")
	})
	governed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if integration.Govern(w, r) { // otherwise a rule has answered
			orders.ServeHTTP(w, r)
		}
	})
	authenticated := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchange := moesif.From(r.Context())
		s, ok := sessions[cookie(r, "session")]
		if !ok {
			exchange.Refuse(moesif.Unauthenticated) // in nobody's name, whatever it claims
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		exchange.SetUser(s.user)
		exchange.SetCompany(s.company)
		exchange.SetSession(s.id)
		governed.ServeHTTP(w, r)
	})
	service := httptest.NewServer(integration.Capture(authenticated))

	get(service.URL+"/orders", "Cookie", "session=k3y")
	get(service.URL+"/orders", "X-User", "mallory")
	finish(service, integration, collector)
	// Output:
	// Incoming GET /orders 200 user=alice company=acme session=s-1 identity=verified metadata=map[plan:gold]
	// Incoming GET /orders 401 identity=none
}

// sessions are those that are open, by the secret in their cookie. What is
// reported is their id, which opens nothing.
var sessions = map[string]struct{ id, user, company string }{
	"k3y": {"s-1", "alice", "acme"},
}

// cookie is the value of a cookie, "" when there is none.
func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
