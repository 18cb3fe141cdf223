// Package telemetry is what the gateway tells about itself: its log, its access
// log, and the telemetry/metrics listener.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// LevelCritical is KrakenD's CRITICAL, above slog's errors.
const LevelCritical = slog.LevelError + 4

// Level reads a level of telemetry/logging in any case; DEBUG for one that is not
// known, which is KrakenD's own default (KrakenD v3, 1.9).
func Level(name string) slog.Level {
	switch strings.ToUpper(name) {
	case "INFO":
		return slog.LevelInfo
	case "WARNING":
		return slog.LevelWarn
	case "ERROR":
		return slog.LevelError
	case "CRITICAL":
		return LevelCritical
	}
	return slog.LevelDebug
}

// Logger writes what l asks for to out, in colours on a terminal. A block that
// does not ask for stdout gets stderr, where out is stdout.
func Logger(l config.Logging, out io.Writer) *slog.Logger {
	if l.Set && !l.Stdout && out == os.Stdout {
		out = os.Stderr
	}
	level := Level(l.Level)
	var h slog.Handler
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		h = tint.NewTextHandler(out, &tint.Options{Level: level, TimeFormat: time.TimeOnly})
	} else {
		h = slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: levelNames})
	}
	if l.Prefix != "" {
		h = prefixed{h, l.Prefix + " "}
	}
	return slog.New(h)
}

// levelNames writes levels as KrakenD names them.
func levelNames(groups []string, a slog.Attr) slog.Attr {
	if a.Key != slog.LevelKey || len(groups) > 0 {
		return a
	}
	switch level, _ := a.Value.Any().(slog.Level); level {
	case slog.LevelWarn:
		return slog.String(slog.LevelKey, "WARNING")
	case LevelCritical:
		return slog.String(slog.LevelKey, "CRITICAL")
	}
	return a
}

// prefixed puts the configured prefix before every message.
type prefixed struct {
	slog.Handler
	prefix string
}

// Handle implements slog.Handler.
func (p prefixed) Handle(ctx context.Context, r slog.Record) error {
	r.Message = p.prefix + r.Message
	return p.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (p prefixed) WithAttrs(attrs []slog.Attr) slog.Handler {
	return prefixed{p.Handler.WithAttrs(attrs), p.prefix}
}

// WithGroup implements slog.Handler.
func (p prefixed) WithGroup(name string) slog.Handler {
	return prefixed{p.Handler.WithGroup(name), p.prefix}
}
