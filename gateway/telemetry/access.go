package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// maxAccess bounds the lines that wait to be written.
const maxAccess = 10_000

// Line is one request in the access log, or one call in that of backends.
type Line struct {
	Time     time.Time // when it ended
	Method   string
	Path     string // decoded
	Client   string // IP address
	Backend  string // scheme://host[:port] of a call to a backend; "": a request to the gateway
	Failed   string // why there is no answer, in one word; "": there is one
	Status   int    // 0 without an answer
	Bytes    int64  // of the answer's body
	Duration time.Duration
	text     []byte // the whole line, where a format wants one; nil otherwise
}

func (l *Line) what() string {
	if l.Backend != "" {
		return "backend call"
	}
	return "request"
}

func (l *Line) whose() slog.Attr {
	if l.Backend != "" {
		return slog.String("backend", l.Backend)
	}
	return slog.String("client", l.Client)
}

// began is when the request did.
func (l *Line) began() time.Time { return l.Time.Add(-l.Duration) }

// Access writes the access log: to the log, at level INFO, or in a format of its own
// to out. Requests hand over a Line and go
// on: one goroutine writes, and when the log's destination is too slow lines are
// dropped, and counted.
type Access struct {
	logger *slog.Logger
	format accessFormat // nil: as the rest of the log
	out    io.Writer
	wake   chan struct{} // one token: there is something to do
	done   chan struct{}

	mu      sync.Mutex // guards the fields below
	waiting []Line
	dropped int
	closed  bool
}

// NewAccess starts the access log. It is nil when it would go to a logger that is not
// interested in it; one with a format of its own is written whatever the level is.
func NewAccess(logger *slog.Logger, c config.AccessLog, out io.Writer) *Access {
	format := newAccessFormat(c)
	if format == nil && !logger.Enabled(context.Background(), slog.LevelInfo) {
		return nil
	}
	a := &Access{logger: logger, format: format, out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go a.run()
	return a
}

// Log never blocks on the log's destination. It does nothing on a nil Access.
func (a *Access) Log(r *http.Request, l Line) {
	if a == nil {
		return
	}
	if a.format != nil {
		l.text = append(a.format(nil, r, &l), '\n')
	}
	a.mu.Lock()
	if len(a.waiting) < maxAccess {
		a.waiting = append(a.waiting, l)
	} else {
		a.dropped++
	}
	a.mu.Unlock()
	a.signal()
}

// Close writes what waits and stops. Lines that come later are kept from nobody:
// they are forgotten.
func (a *Access) Close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.signal()
	<-a.done
}

func (a *Access) signal() {
	select {
	case a.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (a *Access) run() {
	defer close(a.done)
	var lines []Line
	for range a.wake {
		a.mu.Lock()
		lines, a.waiting = a.waiting, lines[:0]
		dropped, closed := a.dropped, a.closed
		a.dropped = 0
		a.mu.Unlock()
		a.write(lines)
		if dropped > 0 {
			a.logger.Warn("access log is too slow", "lines_dropped", dropped)
		}
		if closed {
			return
		}
	}
}

func (a *Access) write(lines []Line) {
	if a.format != nil {
		for i := range lines {
			_, _ = a.out.Write(lines[i].text) // there is no other place to tell
		}
		return
	}
	for i := range lines {
		l := &lines[i]
		r := slog.NewRecord(l.Time, slog.LevelInfo, l.what(), 0)
		r.AddAttrs(
			slog.Int("status", l.Status),
			slog.String("method", l.Method),
			slog.String("path", l.Path),
			slog.Duration("duration", l.Duration),
			slog.Int64("bytes", l.Bytes),
			l.whose(),
		)
		if l.Failed != "" {
			r.AddAttrs(slog.String("failed", l.Failed))
		}
		_ = a.logger.Handler().Handle(context.Background(), r) // there is no other place to tell
	}
}
