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

// newHandler makes the handler that writes to a destination.
type newHandler func(out io.Writer) slog.Handler

// Logger writes what l asks for to out, in colours on a terminal, and to the
// system's log. A block that asks for neither gets stderr, where out is stdout. A
// system's log that can't be reached is told in out.
func Logger(l config.Logging, out io.Writer) *slog.Logger {
	if l.Set && !l.Stdout && out == os.Stdout {
		out = os.Stderr
	}
	format := formatOf(l)
	if !l.Syslog {
		return slog.New(format(out))
	}
	system, err := newSystem("", "", l.SyslogFacility, format)
	return slog.New(both(l, format(out), system, err))
}

// both writes to the system's log, and to out where that is wanted as well or is all
// there is.
func both(l config.Logging, out, system slog.Handler, err error) slog.Handler {
	if err != nil {
		slog.New(out).Error("the system's log can't be reached: the log goes here alone", "error", err)
		return out
	}
	if !l.Stdout {
		return system
	}
	return slog.NewMultiHandler(out, system)
}

func formatOf(l config.Logging) newHandler {
	level := Level(l.Level)
	return func(out io.Writer) slog.Handler {
		var h slog.Handler
		switch f, _ := out.(*os.File); {
		case l.Format == "logstash":
			h = newLogstash(out, level)
		case l.Format == "custom":
			h = newPatterned(l.Custom, out, level)
		case f != nil && isatty.IsTerminal(f.Fd()):
			h = tint.NewTextHandler(out, &tint.Options{Level: level, TimeFormat: time.TimeOnly})
		default:
			h = slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: levelNames})
		}
		if l.Prefix != "" {
			h = prefixed{h, l.Prefix + " "}
		}
		return h
	}
}

// levelNames writes levels as KrakenD names them.
func levelNames(groups []string, a slog.Attr) slog.Attr {
	if a.Key != slog.LevelKey || len(groups) > 0 {
		return a
	}
	level, _ := a.Value.Any().(slog.Level)
	return slog.String(slog.LevelKey, levelName(level))
}

func levelName(level slog.Level) string {
	switch level {
	case slog.LevelWarn:
		return "WARNING"
	case LevelCritical:
		return "CRITICAL"
	}
	return level.String()
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
