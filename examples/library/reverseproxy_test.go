package library_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/gatemeter/gatemeter/moesif"
)

// A reverse proxy. What the upstream streams reaches the client line by line, and
// the event follows when the answer is complete.
func Example_reverseProxy() {
	seen := make(chan struct{}) // the client has seen the first line
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n")
		_ = http.NewResponseController(w).Flush()
		<-seen
		_, _ = io.WriteString(w, "data: two\n")
	}))
	defer upstream.Close()

	collector := newCollector()
	integration := newIntegration(collector, moesif.Options{})
	target, err := url.Parse(upstream.URL)
	if err != nil {
		log.Panic(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
	}}
	service := httptest.NewServer(integration.Wrap(proxy))

	answer, err := http.Get(service.URL + "/events")
	if err != nil {
		log.Panic(err)
	}
	lines := bufio.NewScanner(answer.Body)
	for i := 0; lines.Scan(); i++ {
		fmt.Println("client:", lines.Text())
		if i == 0 {
			close(seen)
		}
	}
	_ = answer.Body.Close()
	finish(service, integration, collector)
	// Output:
	// client: data: one
	// client: data: two
	// Incoming GET /events 200 identity=none
}
