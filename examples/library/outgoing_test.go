package library_test

import (
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/gatemeter/gatemeter/moesif"
)

// A service that calls others. Its calls are reported as Outgoing, in the name of
// the caller for whom they are made.
func Example_outgoing() {
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"EUR":1}`)
	}))
	defer partner.Close()

	collector := newCollector()
	integration := newIntegration(collector, moesif.Options{})
	client := &http.Client{Transport: integration.Transport(nil)} // nil: http.DefaultTransport

	service := httptest.NewServer(integration.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, err := http.NewRequestWithContext(r.Context(), http.MethodGet, partner.URL+"/rates", http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer, err := client.Do(call)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		_, _ = io.Copy(w, answer.Body)
	})))

	get(service.URL+"/prices", "X-User", "alice")
	client.CloseIdleConnections()
	finish(service, integration, collector)
	// Output:
	// Incoming GET /prices 200 user=alice identity=claimed
	// Outgoing GET /rates 200 user=alice identity=claimed
}
