package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/telemetry/otel"
)

// lastTelling bounds how long a gateway that stops sends what it has to tell to the
// collectors of telemetry/opentelemetry, or drain_timeout if that is less.
const lastTelling = 5 * time.Second

// newTelemetry begins what telemetry/opentelemetry asks for; nil when it is not there.
func newTelemetry(g *Gateway) (*otel.Telemetry, error) {
	if g.service.OpenTelemetry == nil {
		return nil, nil
	}
	t, err := otel.New(g.service.OpenTelemetry, backend.TLSConfig, g.logger)
	if err != nil {
		return nil, fmt.Errorf("extra_config.telemetry/opentelemetry.%w", err)
	}
	return t, nil
}

// tellRest sends what is left to tell, while events are delivered; wait ends with it.
func (g *Gateway) tellRest(ctx context.Context) (wait func()) {
	if g.telemetry == nil {
		return func() {}
	}
	patience := lastTelling
	if g.service.Moesif != nil {
		patience = min(patience, g.service.Moesif.DrainTimeout)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.telemetry.Close(ctx)
	}()
	return func() {
		<-done
		cancel()
	}
}

// scrapeAddresses are where Prometheus asks.
func scrapeAddresses(s *config.Service) []string {
	if s.OpenTelemetry == nil {
		return nil
	}
	var all []string
	for _, p := range s.OpenTelemetry.Scrapes {
		all = append(all, net.JoinHostPort(p.ListenIP, strconv.Itoa(p.Port)))
	}
	return all
}

// listenForScrapes takes the ports of exporters.prometheus, all of them or none.
func (g *Gateway) listenForScrapes(ctx context.Context) error {
	var listen net.ListenConfig
	for i, address := range scrapeAddresses(g.service) {
		l, err := listen.Listen(ctx, "tcp", address)
		if err != nil {
			for _, l := range g.scrapeListeners {
				_ = l.Close()
			}
			g.scrapeListeners = nil
			return fmt.Errorf("telemetry/opentelemetry.exporters.prometheus[%d].port: %w: choose another, or remove the exporter", i, err)
		}
		g.scrapeListeners = append(g.scrapeListeners, l)
	}
	return nil
}

// serveScrapes serves the listeners of exporters.prometheus until stop is called.
func (g *Gateway) serveScrapes(failed chan<- error) (stop func()) {
	var stops []func()
	for i, l := range g.scrapeListeners {
		answer := func(w http.ResponseWriter, r *http.Request) { g.newestScrape(i, w, r) }
		stops = append(stops, serveAside(l, answer, "telemetry/opentelemetry", failed))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// newestScrape answers the i-th listener of exporters.prometheus.
func (g *Gateway) newestScrape(i int, w http.ResponseWriter, r *http.Request) {
	if all := g.live.newest.Load().telemetry.Scrapes(); i < len(all) {
		all[i].ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}
