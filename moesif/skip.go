package moesif

import (
	"log/slog"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Predicate decides about a finished exchange; an error is no decision.
type Predicate func(*Subject) (bool, error)

// Subject is what a Predicate sees of an exchange. It must not be changed.
type Subject struct {
	Time     time.Time // when the request's headers were read
	Method   string
	Host     string
	Path     string // as the client wrote it, without the query
	RawQuery string
	ClientIP string
	Headers  wire.Headers      // of the request, names in canonical form
	Params   map[string]string // of the route; nil when there are none
	Claims   map[string]any    // validated ones; nil when there are none

	Status          int // 0 when there was no answer
	ResponseHeaders wire.Headers
	Duration        time.Duration

	// What was captured of the bodies, as it passed: possibly encoded, possibly
	// the beginning only; nil when there was none or bodies are not captured.
	RequestBody, ResponseBody []byte
}

// subject shows a sealed exchange.
func (x *Exchange) subject() *Subject {
	s := &Subject{
		Time:            x.started,
		Method:          x.method,
		Host:            x.host,
		Path:            x.path(),
		RawQuery:        x.query(),
		ClientIP:        x.clientIP(),
		Headers:         x.header,
		Claims:          x.claims,
		Status:          x.status,
		ResponseHeaders: x.answer,
		Duration:        x.duration,
		RequestBody:     x.request.kept,
		ResponseBody:    x.response.kept,
	}
	if len(x.params) > 1 {
		s.Params = make(map[string]string, len(x.params)/2)
		for i := 0; i+1 < len(x.params); i += 2 {
			s.Params[x.params[i]] = x.params[i+1]
		}
	}
	return s
}

// unskipped counts events whose expression could not be evaluated, and tells of
// them once a minute. It belongs to the one goroutine that judges.
type unskipped struct {
	logger *slog.Logger
	n      int64     // since it was told
	told   time.Time // zero: never
}

func (u *unskipped) note(err error) {
	u.n++
	now := time.Now()
	if !u.told.IsZero() && now.Sub(u.told) < time.Minute {
		return
	}
	u.logger.Warn("moesif: should_skip could not be evaluated: the events are reported",
		slog.Int64("events", u.n), slog.Any("error", err))
	u.told, u.n = now, 0
}
