package moesif

import (
	"log/slog"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// tell logs what was captured, for debug: enough to see why a call shows up as it
// does, and nothing that could be a secret. Ids are left out too: they may come
// from a header that is one.
func (x *Exchange) tell(e *wire.Event, cut []string) {
	x.mu.Lock()
	caller := x.explain()
	x.mu.Unlock()
	attrs := []any{
		slog.String("direction", e.Direction),
		slog.String("method", x.method),
		slog.String("path", x.path()),
		slog.Int("status", x.status),
		slog.Duration("took", x.duration),
		slog.String("caller", caller),
		slog.Int("weight", e.Weight),
	}
	if x.route != "" {
		attrs = append(attrs, slog.String("route", x.route))
	}
	if x.refused != "" {
		attrs = append(attrs, slog.String("refused", x.refused))
	}
	if x.blocked != "" {
		attrs = append(attrs, slog.String("blocked_by", x.blocked))
	}
	attrs = append(attrs, slog.String("request_body", reported(&x.request, e.Request.Body)))
	if e.Response != nil {
		attrs = append(attrs, slog.String("response_body", reported(&x.response, e.Response.Body)))
	}
	if len(cut) > 0 {
		attrs = append(attrs, slog.Any("cut", cut))
	}
	x.in.logger.Info("moesif: captured", attrs...)
}

// explain says in a sentence where the caller's ids come from, or why there are
// none. The lock is held.
func (x *Exchange) explain() string {
	switch {
	case x.refused == Unauthenticated:
		return "nobody: refused as unauthenticated"
	case x.nobody:
		return "nobody: refused before it was asked who calls"
	case x.caller.UserID != "" || x.caller.CompanyID != "":
		return "set by code"
	case x.outgoing && x.parent == nil:
		return "nobody: not made for a captured request"
	case x.outgoing:
		return "that of the request it was made for"
	}
	return x.in.sources.Explain(x.identityRequest())
}

// reported says what of a body is in the event.
func reported(b *body, value []byte) string {
	switch {
	case b.limit == 0:
		return "not captured"
	case b.total == 0:
		return "empty"
	case value == nil:
		return "withheld: body masks are set and it cannot be looked into"
	}
	return "reported"
}
