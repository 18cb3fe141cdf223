package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// module is who writes the log, in the formats that say so.
const module = "gatemeter"

// newLogstash writes a JSON object a line, with the keys that Logstash's pipelines
// of KrakenD read: @timestamp, @version, level, message and module.
func newLogstash(out io.Writer, level slog.Level) slog.Handler {
	h := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.TimeKey:
			return slog.String("@timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		case slog.MessageKey:
			a.Key = "message"
			return a
		}
		return levelNames(groups, a)
	}})
	return h.WithAttrs([]slog.Attr{slog.Int("@version", 1), slog.String("module", module)})
}

// patterned writes a pattern a line. What a message comes with stands behind it, as
// key=value.
type patterned struct {
	parts  []config.LogPart
	level  slog.Level
	attrs  slog.Handler // writes them to shared.text
	shared *patternedLines
}

// patternedLines is what all loggers of one log share.
type patternedLines struct {
	mu   sync.Mutex // guards the fields below
	out  io.Writer
	text bytes.Buffer
}

func newPatterned(parts []config.LogPart, out io.Writer, level slog.Level) slog.Handler {
	shared := &patternedLines{out: out}
	attrs := slog.NewTextHandler(&shared.text, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}})
	return &patterned{parts: parts, level: level, attrs: attrs, shared: shared}
}

// Enabled implements slog.Handler.
func (p *patterned) Enabled(_ context.Context, level slog.Level) bool { return level >= p.level }

// Handle implements slog.Handler.
func (p *patterned) Handle(ctx context.Context, r slog.Record) error {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	p.shared.text.Reset()
	if err := p.attrs.Handle(ctx, r); err != nil {
		return err
	}
	message := strings.TrimSpace(oneLine(r.Message) + " " + strings.TrimSpace(p.shared.text.String()))
	line := make([]byte, 0, 256)
	for _, part := range p.parts {
		line = appendPart(line, part, &r, message)
	}
	_, err := p.shared.out.Write(append(line, '\n'))
	return err
}

func appendPart(line []byte, part config.LogPart, r *slog.Record, message string) []byte {
	var text string
	switch part.Verb {
	case "":
		return append(line, part.Text...)
	case "time":
		layout := part.Layout
		if layout == "" {
			layout = time.RFC3339
		}
		return r.Time.AppendFormat(line, layout)
	case "color":
		return append(line, color(r.Level, part.Layout)...)
	case "level":
		text = levelName(r.Level)
	case "message":
		text = message
	case "module":
		text = module
	case "pid":
		text = fmt.Sprint(os.Getpid())
	case "program":
		text = filepath.Base(os.Args[0])
	}
	if part.Layout == "" {
		return append(line, text...)
	}
	return fmt.Appendf(line, "%"+part.Layout, text) // config allows widths alone
}

// color is the terminal's sequence for a level; layout reset ends it, bold is bold.
func color(level slog.Level, layout string) string {
	if layout == "reset" {
		return "\x1b[0m"
	}
	code := "36"
	switch {
	case level >= LevelCritical:
		code = "35"
	case level >= slog.LevelError:
		code = "31"
	case level >= slog.LevelWarn:
		code = "33"
	case level >= slog.LevelInfo:
		code = "32"
	}
	if layout == "bold" {
		code += ";1"
	}
	return "\x1b[" + code + "m"
}

// oneLine keeps a message from looking like two.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// WithAttrs implements slog.Handler.
func (p *patterned) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *p
	with.attrs = p.attrs.WithAttrs(attrs)
	return &with
}

// WithGroup implements slog.Handler.
func (p *patterned) WithGroup(name string) slog.Handler {
	with := *p
	with.attrs = p.attrs.WithGroup(name)
	return &with
}
