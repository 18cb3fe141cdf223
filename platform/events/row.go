package events

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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

// eventRow is a row of the table events. Its strings are UTF-8; "" is null where
// the column can be.
type eventRow struct {
	app, id                              string
	time, received                       int64 // in µs
	ahead, late                          bool
	duration                             int64 // in µs; -1: null
	userID, companyID, subscriptionID    string
	session                              string
	verb, scheme, host, path, query, uri string
	route                                string
	guessed, answered                    bool
	status                               int16
	ip, responseIP                       string
	userAgent, apiVersion, direction     string
	requestBytes, responseBytes          int64 // -1: null
	weight                               int32
	blockedBy, refused, identity         string
	requestHeaders, responseHeaders      []byte // the second is nil without an answer
	metadata                             []byte
	seq                                  int64
	userKey                              int64 // -1: null
}

// read makes the row of an event, of which it shares the strings. It fails when
// the time is beyond what a column holds: some 290,000 years from now.
func (r *eventRow) read(known *facts, app string, seq uint64, received time.Time, e *wire.Event) error {
	w := placeInTime(e.Request.Time, received)
	if !time.UnixMicro(w.time.UnixMicro()).Equal(w.time) {
		return fmt.Errorf("event %q: a time of the year %d cannot be stored", e.TransactionID, w.time.Year())
	}
	target := splitURI(text(e.Request.URI))
	about, ours := known.of(e)
	if !ours {
		about.Route = FoldPath(target.path)
		about.Identity = none
		if e.UserID != "" || e.CompanyID != "" {
			about.Identity = claimed
		}
	}
	if about.Identity == "" {
		about.Identity = none
	}
	*r = eventRow{
		app: text(app), id: text(e.TransactionID),
		time: w.time.UnixMicro(), received: w.received.UnixMicro(), ahead: w.ahead, late: w.late,
		duration: -1,
		userID:   text(e.UserID), companyID: text(e.CompanyID), subscriptionID: text(e.SubscriptionID), session: text(e.SessionToken),
		verb: text(e.Request.Verb), scheme: target.scheme, host: target.host, path: target.path,
		query: target.query, uri: target.rest,
		route: about.Route, guessed: !ours,
		ip: text(e.Request.IPAddress), userAgent: text(userAgent(e.Request.Headers)),
		apiVersion: text(e.Request.APIVersion), direction: text(e.Direction),
		requestBytes: e.Request.ContentLength, responseBytes: -1,
		weight:    int32(max(1, e.Weight)), // #nosec G115 -- decoded as 31 bits
		blockedBy: text(e.BlockedBy), refused: about.Refused, identity: about.Identity,
		requestHeaders: appendHeaders(r.requestHeaders[:0], e.Request.Headers), responseHeaders: r.responseHeaders[:0],
		metadata: e.Metadata,
		seq:      int64(seq), // #nosec G115 -- counts blocks
		userKey:  -1,
	}
	if r.userID != "" {
		r.userKey = userKey(r.app, r.userID)
	}
	if a := e.Response; a != nil {
		if !a.Time.IsZero() {
			d := a.Time.Truncate(time.Microsecond).Sub(e.Request.Time.Truncate(time.Microsecond))
			r.duration = max(0, d.Microseconds())
		}
		r.answered = true
		r.status = int16(a.Status) // #nosec G115 -- at most 999
		r.responseIP = text(a.IPAddress)
		r.responseBytes = a.ContentLength
		r.responseHeaders = appendHeaders(r.responseHeaders, a.Headers)
	}
	return nil
}

// append appends the row, in the order of the columns.
func (r *eventRow) append(a *appender) error {
	a.text(r.app)
	a.text(r.id)
	a.time(r.time)
	a.time(r.received)
	a.bool(r.ahead)
	a.bool(r.late)
	a.known(r.duration)
	a.optional(r.userID)
	a.optional(r.companyID)
	a.optional(r.subscriptionID)
	a.optional(r.session)
	a.text(r.verb)
	a.optional(r.scheme)
	a.optional(r.host)
	a.text(r.path)
	a.optional(r.query)
	a.optional(r.uri)
	a.optional(r.route)
	a.bool(r.guessed)
	a.int16(r.status)
	a.bool(r.answered)
	a.optional(r.ip)
	a.optional(r.responseIP)
	a.optional(r.userAgent)
	a.optional(r.apiVersion)
	a.optional(r.direction)
	a.known(r.requestBytes)
	a.known(r.responseBytes)
	a.int32(r.weight)
	a.optional(r.blockedBy)
	a.optional(r.refused)
	a.text(r.identity)
	a.json(r.requestHeaders)
	a.json(r.responseHeaders)
	a.bytes(r.metadata)
	a.int64(r.seq)
	a.known(r.userKey)
	return a.end()
}

// userKey is a number for a user of an application: 60 bits of a hash, so that no two of
// ten million users have the same one, but for a chance of 1 in 20,000.
func userKey(app, user string) int64 {
	var short [128]byte
	sum := sha256.Sum256(append(append(append(short[:0], app...), 0), user...))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 4) // #nosec G115 -- 60 bits
}

// textBytes is how much there is to be compressed of an event besides its bodies, about.
func textBytes(e *wire.Event) int {
	n := len(e.Request.URI) + len(e.Metadata)
	for _, h := range e.Request.Headers {
		n += len(h.Name) + len(h.Value)
	}
	if e.Response != nil {
		for _, h := range e.Response.Headers {
			n += len(h.Name) + len(h.Value)
		}
	}
	return n
}

func bodyBytes(e *wire.Event) int {
	n := len(e.Request.Body)
	if e.Response != nil {
		n += len(e.Response.Body)
	}
	return n
}

// appendBodyRow appends a row of the table bodies, when the event has any.
func appendBodyRow(a *appender, app string, received time.Time, e *wire.Event) error {
	if bodyBytes(e) == 0 {
		return nil
	}
	var answer wire.Response
	if e.Response != nil {
		answer = *e.Response
	}
	a.text(text(app))
	a.text(text(e.TransactionID))
	a.time(placeInTime(e.Request.Time, received).time.UnixMicro())
	a.bytes(e.Request.Body)
	a.optional(text(e.Request.TransferEncoding))
	a.bytes(answer.Body)
	a.optional(text(answer.TransferEncoding))
	return a.end()
}

// appendActionRow appends a row of the table actions.
func appendActionRow(a *appender, app string, received time.Time, act *wire.Action) error {
	if act.Request.Time.IsZero() {
		act.Request.Time = received
	}
	w := placeInTime(act.Request.Time, received)
	a.text(text(app))
	a.optional(text(act.TransactionID))
	a.time(w.time.UnixMicro())
	a.time(w.received.UnixMicro())
	a.bool(w.ahead)
	a.bool(w.late)
	a.text(text(act.ActionName))
	a.optional(text(act.UserID))
	a.optional(text(act.CompanyID))
	a.optional(text(act.SubscriptionID))
	a.optional(text(act.SessionToken))
	a.optional(text(act.Request.URI))
	a.optional(text(act.Request.IPAddress))
	a.optional(text(act.Request.UserAgentString))
	a.bytes(act.Metadata)
	return a.end()
}

// text returns s as DuckDB takes it: it refuses a whole load over one byte that
// is no UTF-8.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
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
	if scheme, rest, ok := strings.Cut(s, "://"); ok && pathAt(scheme) == len(scheme) {
		i := pathAt(rest)
		u.scheme, u.host, u.path = scheme, rest[:i], rest[i:]
	}
	u.path, _, _ = strings.Cut(u.path, "#")
	u.path, u.query, _ = strings.Cut(u.path, "?")
	if u.path == "" {
		u.path = "/"
	}
	if !u.makes(s) {
		u.rest = s
	}
	return u
}

// pathAt returns where in s a path, a query or a fragment begins, or len(s).
func pathAt(s string) int {
	i := 0
	for i < len(s) && s[i] != '/' && s[i] != '?' && s[i] != '#' {
		i++
	}
	return i
}

// makes reports whether the parts, joined, are s.
func (u uri) makes(s string) bool {
	parts := [...]string{u.scheme, "://", u.host, u.path, "?", u.query}
	if u.scheme == "" {
		clear(parts[:3])
	}
	if u.query == "" {
		parts[4] = ""
	}
	for _, part := range parts {
		if !strings.HasPrefix(s, part) {
			return false
		}
		s = s[len(part):]
	}
	return s == ""
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
