package moesif_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// A service wraps its handler, and closes the integration when it ends.
func Example() {
	// Stands for https://api.moesif.net, or a platform of one's own.
	protocol := http.NewServeMux()
	protocol.HandleFunc("POST /v1/events/batch", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("collector:", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusCreated)
	})
	collector := httptest.NewServer(protocol)
	defer collector.Close()

	config, problems := moesif.ParseConfig(map[string]any{
		"application_id":     "your-application-id",
		"collector_url":      collector.URL,
		"user_id_headers":    []any{"X-User-Id", "Authorization"},
		"identify_company":   map[string]any{"header": "X-Tenant"},
		"request_body_masks": []any{"password"},
	})
	if len(problems) > 0 {
		log.Println(problems)
		return
	}
	integration, err := moesif.New(config, moesif.Options{})
	if err != nil {
		log.Println(err)
		return
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "order "+r.PathValue("id"))
	})
	service := httptest.NewServer(integration.Wrap(mux))

	answer, err := http.Get(service.URL + "/orders/42")
	if err != nil {
		log.Println(err)
		return
	}
	_ = answer.Body.Close()
	service.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := integration.Close(ctx); err != nil {
		log.Print(err) // says how many events were left
	}
	fmt.Println("service:", answer.Status)
	fmt.Println("sent:", integration.Stats().Sent)
	// Output:
	// collector: POST /v1/events/batch
	// service: 200 OK
	// sent: 1
}
