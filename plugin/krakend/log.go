package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// hostLogger is what KrakenD gives to RegisterLogger, as far as it is used here:
// Critical and Fatal, which ends the process, are not a plugin's business.
type hostLogger interface {
	Debug(v ...any)
	Info(v ...any)
	Warning(v ...any)
	Error(v ...any)
}

// prefix begins each line, in the manner of the host's own lines about plugins.
const prefix = "[PLUGIN: " + name + "] "

// logHandler writes records to the host's logger, which adds the time, filters by
// its own level, and decides where they go.
type logHandler struct {
	to         hostLogger
	attributes slog.Handler // writes those of a record into line
	line       *line
}

// line is shared by the handlers that come out of one another.
type line struct {
	mu sync.Mutex // guards the buffer
	bytes.Buffer
}

var _ slog.Handler = (*logHandler)(nil)

func newLogHandler(to hostLogger) *logHandler {
	l := &line{}
	return &logHandler{to: to, line: l, attributes: slog.NewTextHandler(l, &slog.HandlerOptions{
		Level:       slog.LevelDebug,
		ReplaceAttr: withoutBuiltIn,
	})}
}

// withoutBuiltIn leaves out the level and the empty message of a record.
func withoutBuiltIn(groups []string, a slog.Attr) slog.Attr {
	_, isLevel := a.Value.Any().(slog.Level)
	if len(groups) == 0 && (isLevel || a.Key == slog.MessageKey && a.Value.String() == "") {
		return slog.Attr{}
	}
	return a
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	rest := r.Clone()
	rest.Time, rest.Message = time.Time{}, ""
	h.line.mu.Lock()
	h.line.Reset()
	err := h.attributes.Handle(ctx, rest)
	text := strings.TrimSpace(prefix + r.Message + " " + h.line.String())
	h.line.mu.Unlock()
	switch {
	case r.Level < slog.LevelInfo:
		h.to.Debug(text)
	case r.Level < slog.LevelWarn:
		h.to.Info(text)
	case r.Level < slog.LevelError:
		h.to.Warning(text)
	default:
		h.to.Error(text)
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{to: h.to, line: h.line, attributes: h.attributes.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(group string) slog.Handler {
	return &logHandler{to: h.to, line: h.line, attributes: h.attributes.WithGroup(group)}
}
