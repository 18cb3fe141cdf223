package library_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// A service on net/http alone, with all that it takes. The patterns of ServeMux
// become the events' routes by themselves.
func Example_serveMux() {
	collector := newCollector()
	config, problems := moesif.ParseConfig(map[string]any{ // as in the telemetry/moesif block
		"application_id":   "your-application-id",
		"collector_url":    collector.URL,
		"user_id_headers":  []any{"Authorization"},
		"identify_company": map[string]any{"header": "X-Company"},
	})
	if len(problems) > 0 {
		log.Panic(errors.Join(problems...)) // names every key that is wrong
	}
	integration, err := moesif.New(config, moesif.Options{})
	if err != nil {
		log.Panic(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "order "+r.PathValue("id"))
	})
	service := httptest.NewServer(integration.Wrap(mux)) // or http.ListenAndServe(":8080", integration.Wrap(mux))

	request, err := http.NewRequest(http.MethodGet, service.URL+"/orders/42", http.NoBody)
	if err != nil {
		log.Panic(err)
	}
	request.SetBasicAuth("alice", "secret")
	request.Header.Set("X-Company", "acme")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Panic(err)
	}
	_ = answer.Body.Close()
	get(service.URL + "/nowhere")

	// At the end: first the server, then the integration, which delivers what is queued.
	service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := integration.Close(ctx); err != nil {
		log.Println(err) // says how many events were left
	}
	fmt.Println("sent:", integration.Stats().Sent)
	collector.print()
	// Output:
	// sent: 2
	// Incoming GET /orders/42 200 route=/orders/{id} user=alice company=acme identity=claimed
	// Incoming GET /nowhere 404 identity=none
}
