package pipe

import (
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// inbound is what an endpoint lets through of a request (KrakenD v3, 1.5, 1.6 and
// the deliberate differences of 9: nothing hop-by-hop but an allowed upgrade).
type inbound struct {
	allHeaders bool
	headers    []string // canonical, nothing hop-by-hop
	upgrade    bool     // input_headers lets Upgrade through, and the endpoint streams
	allQueries bool
	queries    []string
	userAgent  []string
	clients    Clients
	scripted   func(ctx context.Context) (headers []string, query bool) // nil: no script runs
	claims     bool                                                     // a backend's url_pattern names claims of the token
}

func newInbound(e *config.Endpoint, o *Options) inbound {
	in := inbound{
		allHeaders: slices.Contains(e.InputHeaders, "*"),
		allQueries: slices.Contains(e.InputQueryStrings, "*"),
		queries:    e.InputQueryStrings,
		userAgent:  []string{"KrakenD Version " + o.Version},
		clients:    o.Clients,
	}
	if o.Version == "" {
		in.userAgent[0] = "KrakenD Version undefined"
	}
	if e.LuaProxy.RunsBefore() {
		in.scripted = o.Scripted
	}
	names := e.InputHeaders
	if len(names) == 0 {
		names = []string{"Content-Type"}
	}
	for _, name := range names {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if name == "Upgrade" {
			in.upgrade = true
		}
		if !hopByHop(name) && !ours(name) && !slices.Contains(in.headers, name) {
			in.headers = append(in.headers, name)
		}
	}
	in.upgrade = (in.upgrade || in.allHeaders) && e.OutputEncoding == noOp
	in.claims = slices.ContainsFunc(e.Backends, func(b config.Backend) bool { return strings.Contains(b.URLPattern, "{"+claimPrefix) })
	return in
}

// ours are headers that the gateway sets itself, whatever the client sends, and
// those that net/http writes from other fields.
func ours(name string) bool {
	switch name {
	case "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Via", "Content-Length", "Host":
		return true
	}
	return false
}

// hopByHop reports whether a header belongs to one connection (RFC 9110, 7.6.1).
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// call builds what the backend is asked. body is nil when there is none.
func (in *inbound) call(r *http.Request, values []string, body *upload) backend.Call {
	c := backend.Call{Method: r.Method, Values: values, Header: in.header(r), Query: in.query(r)}
	if in.claims {
		c.Value = claimOf(auth.Claims(r.Context()))
	}
	if body != nil {
		c.Body, c.Length = body, r.ContentLength
		if c.Trailer = in.trailer(r); c.Trailer != nil {
			body.from, body.to = r.Trailer, c.Trailer
			c.Length = -1 // trailers need a chunked body
		}
	}
	return c
}

// claimPrefix begins the placeholders for claims of the validated token.
const claimPrefix = "JWT."

// claimOf finds what a placeholder like {JWT.sub} stands for: claims of the first
// level only, whatever their names are (KrakenD v3, 3).
func claimOf(claims map[string]any) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		name, is := strings.CutPrefix(name, claimPrefix)
		claim, there := claims[name]
		if !is || !there {
			return "", false
		}
		return auth.ClaimText(claim), true
	}
}

func (in *inbound) header(r *http.Request) http.Header {
	h := make(http.Header, len(in.headers)+4)
	if in.allHeaders {
		for name, values := range r.Header {
			if !hopByHop(name) && !ours(name) {
				h[name] = values
			}
		}
	} else {
		for _, name := range in.headers {
			if values, ok := r.Header[name]; ok {
				h[name] = values
			}
		}
	}
	dropNamed(h, r.Header["Connection"])
	if in.scripted != nil {
		in.addScripted(h, r)
	}
	if in.upgrade {
		if protocol := upgradeOf(r.Header); protocol != "" {
			h["Connection"] = []string{"Upgrade"}
			h["Upgrade"] = []string{protocol}
		}
	}
	own := []string{in.clients.IP(r), r.Host}
	h["X-Forwarded-For"] = own[0:1:1]
	h["X-Forwarded-Host"] = own[1:2:2]
	if _, ok := h["User-Agent"]; ok {
		h["X-Forwarded-Via"] = in.userAgent
	} else {
		h["User-Agent"] = in.userAgent
	}
	return h
}

// addScripted lets through what a script has set.
func (in *inbound) addScripted(h http.Header, r *http.Request) {
	names, _ := in.scripted(r.Context())
	for _, name := range names {
		if values, ok := r.Header[name]; ok && !hopByHop(name) && !ours(name) {
			h[name] = values
		}
	}
}

// dropNamed removes the headers that a Connection header names.
func dropNamed(h http.Header, connection []string) {
	for _, value := range connection {
		if value == "keep-alive" || value == "close" {
			continue
		}
		for name := range strings.SplitSeq(value, ",") {
			delete(h, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
}

// upgradeOf returns the protocol that h asks, or agrees, to change to; "" for none.
func upgradeOf(h http.Header) string {
	protocol := h.Get("Upgrade")
	if protocol == "" {
		return ""
	}
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(name), "upgrade") {
				return protocol
			}
		}
	}
	return ""
}

// query drops pairs that hold a ';' or a bad escape, as KrakenD does.
func (in *inbound) query(r *http.Request) url.Values {
	if in.scripted != nil {
		if _, all := in.scripted(r.Context()); all {
			return r.URL.Query()
		}
	}
	if r.URL.RawQuery == "" || (!in.allQueries && len(in.queries) == 0) {
		return nil
	}
	query := r.URL.Query()
	if in.allQueries {
		return query
	}
	for name := range query {
		if !slices.Contains(in.queries, name) {
			delete(query, name)
		}
	}
	return query
}

// trailer announces the request's trailers that may pass; nil when there are none.
func (in *inbound) trailer(r *http.Request) http.Header {
	var t http.Header
	for name := range r.Trailer {
		if in.allHeaders || slices.Contains(in.headers, name) {
			if t == nil {
				t = make(http.Header)
			}
			t[name] = nil
		}
	}
	return t
}
