package events

import (
	"database/sql/driver"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	// maxAhead is how far a sender's clock may be ahead of ours.
	maxAhead = 5 * time.Minute
	// lateAfter is how long after it happened an event counts as late: alerts and
	// sums with a deadline may have missed it (Moesif wire, 1.3).
	lateAfter = 5 * time.Minute
)

// Identities of a row.
const (
	claimed = "claimed"
	none    = "none"
)

// when decides about the times of an item.
type when struct {
	time, received time.Time
	ahead, late    bool
}

func placeInTime(t, received time.Time) when {
	w := when{time: t.UTC().Truncate(time.Microsecond), received: received.UTC().Truncate(time.Microsecond)}
	w.ahead = w.time.Sub(w.received) > maxAhead
	if w.ahead {
		w.time = w.received
	}
	w.late = w.received.Sub(w.time) > lateAfter
	return w
}

// At returns when an item counts as having happened: when its sender says, or
// when it was received if the sender's clock is more than 5 minutes ahead. UTC,
// in microseconds.
func At(sent, received time.Time) time.Time { return placeInTime(sent, received).time }

// appendEventRow appends the values of a row of the table events, in the order
// of its columns.
func appendEventRow(dst []driver.Value, app string, seq uint64, received time.Time, e *wire.Event) []driver.Value {
	w := placeInTime(e.Request.Time, received)
	target := splitURI(e.Request.URI)
	about, ours := e.Gatemeter()
	route := about.Route
	if !ours {
		route = FoldPath(target.path)
		about.Identity = none
		if e.UserID != "" || e.CompanyID != "" {
			about.Identity = claimed
		}
	}
	if about.Identity == "" {
		about.Identity = none
	}
	var duration, requestBytes, responseBytes, responseHeaders driver.Value
	var answer wire.Response
	if e.Request.ContentLength >= 0 {
		requestBytes = e.Request.ContentLength
	}
	if e.Response != nil {
		answer = *e.Response
		if !answer.Time.IsZero() {
			d := answer.Time.Truncate(time.Microsecond).Sub(e.Request.Time.Truncate(time.Microsecond))
			duration = max(0, d.Microseconds())
		}
		if answer.ContentLength >= 0 {
			responseBytes = answer.ContentLength
		}
		responseHeaders = string(appendHeaders(nil, answer.Headers))
	}
	return append(dst,
		app,
		text(e.TransactionID),
		w.time,
		w.received,
		w.ahead,
		w.late,
		duration,
		optional(e.UserID),
		optional(e.CompanyID),
		optional(e.SubscriptionID),
		optional(e.SessionToken),
		text(e.Request.Verb),
		optional(target.scheme),
		optional(target.host),
		text(target.path),
		optional(target.query),
		optional(target.rest),
		optional(route),
		!ours,
		int16(answer.Status), // #nosec G115 -- at most 999
		e.Response != nil,
		optional(e.Request.IPAddress),
		optional(answer.IPAddress),
		optional(userAgent(e.Request.Headers)),
		optional(e.Request.APIVersion),
		optional(e.Direction),
		requestBytes,
		responseBytes,
		int32(max(1, e.Weight)), // #nosec G115 -- decoded as 31 bits
		optional(e.BlockedBy),
		optional(about.Refused),
		text(about.Identity),
		string(appendHeaders(nil, e.Request.Headers)),
		responseHeaders,
		optional(string(e.Metadata)),
		int64(seq), // #nosec G115 -- counts blocks
	)
}

// appendBodyRow appends the values of a row of the table bodies; ok is false
// when the event has none.
func appendBodyRow(dst []driver.Value, app string, received time.Time, e *wire.Event) (row []driver.Value, ok bool) {
	var answer wire.Response
	if e.Response != nil {
		answer = *e.Response
	}
	if len(e.Request.Body) == 0 && len(answer.Body) == 0 {
		return dst, false
	}
	return append(dst,
		app,
		text(e.TransactionID),
		placeInTime(e.Request.Time, received).time,
		optional(string(e.Request.Body)),
		optional(e.Request.TransferEncoding),
		optional(string(answer.Body)),
		optional(answer.TransferEncoding),
	), true
}

// appendActionRow appends the values of a row of the table actions.
func appendActionRow(dst []driver.Value, app string, received time.Time, a *wire.Action) []driver.Value {
	if a.Request.Time.IsZero() {
		a.Request.Time = received
	}
	w := placeInTime(a.Request.Time, received)
	return append(dst,
		app,
		optional(a.TransactionID),
		w.time,
		w.received,
		w.ahead,
		w.late,
		text(a.ActionName),
		optional(a.UserID),
		optional(a.CompanyID),
		optional(a.SubscriptionID),
		optional(a.SessionToken),
		optional(a.Request.URI),
		optional(a.Request.IPAddress),
		optional(a.Request.UserAgentString),
		optional(string(a.Metadata)),
	)
}

// text returns s as DuckDB takes it: it refuses a whole load over one byte that
// is no UTF-8.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func optional(s string) driver.Value {
	if s == "" {
		return nil
	}
	return text(s)
}

func userAgent(hs wire.Headers) string {
	for _, h := range hs {
		if strings.EqualFold(h.Name, "User-Agent") {
			return h.Value
		}
	}
	return ""
}

// uri is a request's target in its parts, as they stand on the wire.
type uri struct {
	scheme, host, path, query string
	rest                      string // the whole, when joining the parts does not give it
}

func splitURI(s string) uri {
	u := uri{path: s}
	if scheme, rest, ok := strings.Cut(s, "://"); ok && !strings.ContainsAny(scheme, "/?#") {
		u.scheme, u.path = scheme, ""
		u.host = rest
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			u.host, u.path = rest[:i], rest[i:]
		}
	}
	u.path, _, _ = strings.Cut(u.path, "#")
	u.path, u.query, _ = strings.Cut(u.path, "?")
	if u.path == "" {
		u.path = "/"
	}
	if u.join() != s {
		u.rest = s
	}
	return u
}

// join is the inverse of splitURI.
func (u uri) join() string {
	if u.rest != "" {
		return u.rest
	}
	s := u.path
	if u.scheme != "" {
		s = u.scheme + "://" + u.host + s
	}
	if u.query != "" {
		s += "?" + u.query
	}
	return s
}
