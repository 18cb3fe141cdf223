// Package security is what stands between a client and the endpoints whoever the
// client is: CORS, security headers, and the detection of bots (KrakenD v3, 5).
package security

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/rs/cors"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// CORS puts security/cors around next. It answers preflights, the refused ones
// too, with options_success_status and without the Allow headers that would let the
// browser go on, unless options_passthrough hands them on.
func CORS(c *config.CORS, next http.Handler, logger *slog.Logger) http.Handler {
	o := cors.Options{
		AllowedOrigins:       c.AllowOrigins,
		AllowedMethods:       c.AllowMethods,
		AllowedHeaders:       c.AllowHeaders,
		ExposedHeaders:       c.ExposeHeaders,
		AllowCredentials:     c.AllowCredentials,
		MaxAge:               int(c.MaxAge / time.Second),
		OptionsSuccessStatus: c.OptionsSuccessStatus,
		OptionsPassthrough:   c.OptionsPassthrough,
		AllowPrivateNetwork:  c.AllowPrivateNetwork,
	}
	if len(o.AllowedHeaders) == 0 {
		o.AllowedHeaders = []string{"*"}
	}
	if c.Debug {
		o.Logger = debugLog{logger}
	}
	return cors.New(o).Handler(next)
}

// debugLog takes what CORS says about each request to the log.
type debugLog struct{ logger *slog.Logger }

// Printf implements cors.Logger.
func (l debugLog) Printf(format string, args ...any) {
	l.logger.Debug("CORS: " + fmt.Sprintf(format, args...))
}
