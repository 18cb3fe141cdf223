package library_test

import (
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"

	"github.com/gatemeter/gatemeter/moesif"
)

// A service on chi. The integration goes around the router; a middleware tells it
// the pattern, which chi knows when the handler has returned.
func Example_chi() {
	collector := newCollector()
	integration := newIntegration(collector, moesif.Options{})

	router := chi.NewRouter()
	router.Use(chiRoute)
	router.Route("/shops/{shop}", func(shop chi.Router) {
		shop.Get("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "order "+chi.URLParam(r, "id"))
		})
	})
	service := httptest.NewServer(integration.Wrap(router))

	get(service.URL+"/shops/rome/orders/42", "X-User", "alice")
	get(service.URL + "/nowhere")
	finish(service, integration, collector)
	// Output:
	// Incoming GET /shops/rome/orders/42 200 route=/shops/{shop}/orders/{id} user=alice identity=claimed
	// Incoming GET /nowhere 404 identity=none
}

// chiRoute tells the exchange which pattern matched.
func chiRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		moesif.From(r.Context()).SetRoute(chi.RouteContext(r.Context()).RoutePattern())
	})
}
