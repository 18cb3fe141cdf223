//go:build !windows && !plan9

package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"log/syslog"
	"slices"
	"strings"
	"sync"
)

// system sends what a handler writes to the system's log.
type system struct {
	slog.Handler // writes one record to lines.text
	lines        *systemLines
}

// systemLines is what all loggers of one log share.
type systemLines struct {
	mu   sync.Mutex // guards the fields below
	text bytes.Buffer
	to   *syslog.Writer
}

var facilities = []syslog.Priority{
	syslog.LOG_LOCAL0, syslog.LOG_LOCAL1, syslog.LOG_LOCAL2, syslog.LOG_LOCAL3,
	syslog.LOG_LOCAL4, syslog.LOG_LOCAL5, syslog.LOG_LOCAL6, syslog.LOG_LOCAL7,
}

// newSystem dials the system's log, or, for tests, a socket. format makes the
// handler of a destination.
func newSystem(network, address, facility string, format newHandler) (slog.Handler, error) {
	i := max(0, slices.Index([]string{"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}, facility))
	to, err := syslog.Dial(network, address, facilities[i]|syslog.LOG_INFO, module)
	if err != nil {
		return nil, err
	}
	lines := &systemLines{to: to}
	return &system{format(&lines.text), lines}, nil
}

// Handle implements slog.Handler.
func (s *system) Handle(ctx context.Context, r slog.Record) error {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	s.lines.text.Reset()
	if err := s.Handler.Handle(ctx, r); err != nil {
		return err
	}
	text := strings.TrimSuffix(s.lines.text.String(), "\n")
	switch {
	case r.Level >= LevelCritical:
		return s.lines.to.Crit(text)
	case r.Level >= slog.LevelError:
		return s.lines.to.Err(text)
	case r.Level >= slog.LevelWarn:
		return s.lines.to.Warning(text)
	case r.Level >= slog.LevelInfo:
		return s.lines.to.Info(text)
	}
	return s.lines.to.Debug(text)
}

// WithAttrs implements slog.Handler.
func (s *system) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &system{s.Handler.WithAttrs(attrs), s.lines}
}

// WithGroup implements slog.Handler.
func (s *system) WithGroup(name string) slog.Handler {
	return &system{s.Handler.WithGroup(name), s.lines}
}
