package otlp

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/google/uuid"
)

// ErrNotHTTP is the error for a span that is no HTTP server's.
var ErrNotHTTP = errors.New("only spans of kind server with the attributes of an HTTP request become events")

var errIDs = errors.New("span: trace id must have 16 bytes and span id 8, not all of them zero")

// namespace makes ids of events out of those of spans.
var namespace = uuid.MustParse("7d1d2f0c-6b1c-5c8e-9f63-2a4d0f2b6a11")

// Event is the call that a span is about. Where the conventions for HTTP have a
// newer and an older name for an attribute, both are known (OpenTelemetry semantic
// conventions, 1.23 and before). The same span always makes the same transaction
// id, so that a batch that is exported again is counted once.
func (s *Span) Event() (wire.Event, error) {
	a := s.Attributes
	verb := a.first("http.request.method", "http.method")
	if verb == "_OTHER" {
		verb = a.first("http.request.method_original", "http.request.method")
	}
	if !s.Server || verb == "" {
		return wire.Event{}, ErrNotHTTP
	}
	if len(s.TraceID) != 16 || len(s.ID) != 8 || zero(s.TraceID) || zero(s.ID) {
		return wire.Event{}, errIDs
	}
	if s.Start == 0 || s.Start > math.MaxInt64 || s.End > math.MaxInt64 {
		return wire.Event{}, errors.New("span: start and end must be nanoseconds since 1970")
	}
	e := wire.Event{
		Request: wire.Request{
			Time: nano(s.Start), URI: s.uri(), Verb: verb,
			Headers:       s.headers("http.request.header.", "User-Agent", a.first("user_agent.original", "http.user_agent")),
			IPAddress:     a.first("client.address", "http.client_ip", "network.peer.address", "net.sock.peer.addr", "net.peer.ip"),
			ContentLength: length(a.first("http.request.body.size", "http.request_content_length")),
		},
		UserID:         s.who("user.id", "enduser.id", "moesif.user_id", "user_id"),
		CompanyID:      s.who("company.id", "moesif.company_id", "company_id", "organization.id"),
		SubscriptionID: s.who("subscription.id", "moesif.subscription_id", "subscription_id"),
		SessionToken:   a.first("session.id"),
		TransactionID:  uuid.NewSHA1(namespace, slices.Concat(s.TraceID, s.ID)).String(),
		Direction:      "Incoming",
	}
	if status, err := strconv.Atoi(a.first("http.response.status_code", "http.status_code")); err == nil && status >= 100 && status <= 999 {
		e.Response = &wire.Response{
			Time: nano(max(s.End, s.Start)), Status: status, Headers: s.headers("http.response.header.", "", ""),
			ContentLength: length(a.first("http.response.body.size", "http.response_content_length")),
		}
	}
	var err error
	e.Metadata, err = json.Marshal(s.metadata(&e))
	return e, err
}

// Metadata is what an event keeps of its span under metadata.opentelemetry.
type Metadata struct {
	TraceID      string `json:"trace_id"`
	SpanID       string `json:"span_id"`
	ParentSpanID string `json:"parent_span_id,omitempty"`
	Name         string `json:"name,omitempty"`
	Service      string `json:"service,omitempty"`
}

func (s *Span) metadata(e *wire.Event) map[string]any {
	m := map[string]any{"opentelemetry": Metadata{
		TraceID: hex.EncodeToString(s.TraceID), SpanID: hex.EncodeToString(s.ID), ParentSpanID: hex.EncodeToString(s.ParentID),
		Name: s.Name, Service: s.Resource.first("service.name"),
	}}
	if route := s.Attributes.first("http.route"); route != "" {
		about := wire.Gatemeter{Route: route, Identity: "none"}
		if e.UserID != "" || e.CompanyID != "" {
			about.Identity = "claimed"
		}
		m["gatemeter"] = about
	}
	return m
}

// who is an attribute of the span, else of its program.
func (s *Span) who(keys ...string) string {
	if v := s.Attributes.first(keys...); v != "" {
		return v
	}
	return s.Resource.first(keys...)
}

// uri puts the address together from what is known of it.
func (s *Span) uri() string {
	a := s.Attributes
	if whole := a.first("url.full", "http.url"); whole != "" {
		return whole
	}
	target := a.first("http.target")
	if path := a.first("url.path"); path != "" || target == "" {
		target = path
		if query := a.first("url.query"); query != "" {
			target += "?" + strings.TrimPrefix(query, "?")
		}
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	host := a.first("http.host")
	if host == "" {
		host = a.first("server.address", "net.host.name", "http.server_name")
		port := a.first("server.port", "net.host.port")
		if host != "" && port != "" && port != "80" && port != "443" {
			host = net.JoinHostPort(host, port)
		}
	}
	if host == "" {
		return target
	}
	scheme := a.first("url.scheme", "http.scheme")
	if scheme == "" {
		scheme = "http"
	}
	return scheme + "://" + host + target
}

// headers are the attributes that begin with prefix, and one more, if it has a value.
func (s *Span) headers(prefix, name, value string) wire.Headers {
	var list wire.Headers
	for key, values := range s.Attributes {
		field, ok := strings.CutPrefix(key, prefix)
		if !ok || field == "" {
			continue
		}
		// The older convention has _ for the - of a header's name.
		field = http.CanonicalHeaderKey(strings.ReplaceAll(field, "_", "-"))
		if field == name {
			value = ""
		}
		for _, v := range values {
			list = append(list, wire.Header{Name: field, Value: v})
		}
	}
	if value != "" {
		list = append(list, wire.Header{Name: name, Value: value})
	}
	slices.SortStableFunc(list, func(a, b wire.Header) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func nano(t uint64) time.Time {
	return time.Unix(0, int64(t)).UTC().Truncate(time.Microsecond) // checked to fit
}

func length(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func zero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}
