package moesif

import (
	"time"

	"github.com/gatemeter/gatemeter/moesif/identity"
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
}

// subject shows a sealed exchange.
func (x *Exchange) subject() *Subject {
	s := &Subject{
		Time:            x.started,
		Method:          x.method,
		Host:            x.host,
		Path:            x.path(),
		RawQuery:        x.query(),
		ClientIP:        identity.ClientIP(x.header, x.remote, x.in.trusted),
		Headers:         x.header,
		Claims:          x.claims,
		Status:          x.status,
		ResponseHeaders: x.answer,
		Duration:        x.duration,
	}
	if len(x.params) > 1 {
		s.Params = make(map[string]string, len(x.params)/2)
		for i := 0; i+1 < len(x.params); i += 2 {
			s.Params[x.params[i]] = x.params[i+1]
		}
	}
	return s
}
