package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// revokedBefore is what was revoked under the configuration before: it goes on being.
func revokedBefore(before *Gateway, now func() time.Time) *auth.Revoked {
	if before != nil {
		return before.revoked
	}
	return auth.NewRevoked(now)
}

func revokerAddress(s *config.Service) string {
	if s.Revoker == nil {
		return ""
	}
	return s.Revoker.ListenAddress
}

// listenForRevocations takes the port of auth/revoker, if there is one.
func (g *Gateway) listenForRevocations(ctx context.Context) (err error) {
	address := revokerAddress(g.service)
	if address == "" {
		return nil
	}
	var listen net.ListenConfig
	if g.revokerListener, err = listen.Listen(ctx, "tcp", address); err != nil {
		return fmt.Errorf("auth/revoker.port: %w: choose another", err)
	}
	return nil
}

// serveRevocations serves the port of auth/revoker until stop is called.
func (g *Gateway) serveRevocations(failed chan<- error) (stop func()) {
	if g.revokerListener == nil {
		return func() {}
	}
	return serveAside(g.revokerListener, g.newestRevoker, "auth/revoker", failed)
}

// newestRevoker answers it.
func (g *Gateway) newestRevoker(w http.ResponseWriter, r *http.Request) {
	if revoker := g.live.newest.Load().revoker; revoker != nil {
		revoker.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}
