package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
)

// meter is the handler that the host gets: its own router, metered.
type meter struct {
	next    http.Handler // the host's
	metered http.Handler // the integration around next
	drain   *drain
}

func newMeter(ctx context.Context, in *moesif.Integration, timeout time.Duration, next http.Handler, logger *slog.Logger) *meter {
	return &meter{
		next:    next,
		metered: in.Wrap(tellRefusals(next)),
		drain:   newDrain(ctx, in, timeout, logger),
	}
}

// ServeHTTP reports and governs a request. A panic behind it goes on to the
// server, as it would without the plugin.
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isHostsOwn(r.URL.Path) {
		m.next.ServeHTTP(w, r)
		return
	}
	m.drain.begin(r)
	defer m.drain.end()
	m.metered.ServeHTTP(w, r)
}

// isHostsOwn reports whether path is one of those that KrakenD answers about
// itself, which are neither reported nor governed.
func isHostsOwn(path string) bool {
	return path == "/__health" || strings.HasPrefix(path, "/__debug/") || strings.HasPrefix(path, "/__echo/")
}
