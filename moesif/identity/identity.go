// Package identity finds the user and the company of a request, and the address
// of its client: pure functions over a snapshot of the request's headers.
//
// Tokens are read without their signature, so what comes out of them is claimed;
// only claims that somebody else has validated make an identity verified.
package identity

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Sources says where the ids stand, in the words of the telemetry/moesif block.
// Header names are in canonical form. Empty fields name no source.
type Sources struct {
	UserHeaders   []string // tried in order; the first one present is used
	UserClaim     string   // of a token; a dot walks into nested objects
	CompanyHeader string
	CompanyClaim  string // same dotted rule
	CompanyQuery  string // a query parameter
}

// Request is what identification looks at.
type Request struct {
	Headers  wire.Headers // names in canonical form
	RawQuery string       // without the question mark
	// Claims are those an endpoint has validated, nil when none did. When set,
	// no token of the request is read any more.
	Claims map[string]any
}

// Identity is who called. The empty string is nobody.
type Identity struct {
	UserID, CompanyID string
	// Verified is true when each id that is present came out of validated claims.
	Verified bool
}

// IsNone reports whether neither a user nor a company was found.
func (i Identity) IsNone() bool { return i.UserID == "" && i.CompanyID == "" }

// Identify finds the caller of r. The first header of UserHeaders that is
// present is used, whether or not an id comes out of it (KrakenD v3, 0.1).
func (s *Sources) Identify(r *Request) Identity {
	t := tokens{request: r}
	defer t.done()
	user := s.user(r, &t)
	company := s.company(r, &t)
	return Identity{
		UserID:    user.id,
		CompanyID: company.id,
		Verified: (user.id != "" || company.id != "") &&
			(user.id == "" || user.validated) && (company.id == "" || company.validated),
	}
}

// finding is an id, and how it was found; or why there is none.
type finding struct {
	id        string
	how       how
	header    string // where it was looked for; "" when in no header
	validated bool   // in claims that somebody else has validated
}

// in returns f as found in a header.
func (f finding) in(header string) finding {
	f.header = header
	return f
}

func (s *Sources) user(r *Request, t *tokens) finding {
	for _, name := range s.UserHeaders {
		value, ok := Header(r.Headers, name)
		if !ok {
			continue
		}
		if name != "Authorization" {
			return fromHeader(value, s.UserClaim, t).in(name)
		}
		scheme, credentials := splitScheme(value)
		if strings.EqualFold(scheme, "Basic") {
			return finding{id: basicUser(credentials), how: basicName}.in(name)
		}
		if r.Claims == nil && !strings.EqualFold(scheme, "Bearer") {
			return finding{how: noScheme}.in(name)
		}
		return t.claim(credentials, s.UserClaim).in(name)
	}
	// A validated token may have come in a cookie.
	if r.Claims != nil && slices.Contains(s.UserHeaders, "Authorization") {
		return t.claim("", s.UserClaim)
	}
	return finding{how: absent}
}

// fromHeader reads a header that is not Authorization: its value is the id,
// except that a whole token is never one.
func fromHeader(value, claim string, t *tokens) finding {
	token, ok := bearer(value)
	if ok && (t.request.Claims != nil || isObject(t.read(token))) {
		return t.claim(token, claim)
	}
	return finding{id: value, how: headerValue}
}

func (s *Sources) company(r *Request, t *tokens) finding {
	switch {
	case s.CompanyHeader != "":
		id, ok := Header(r.Headers, s.CompanyHeader)
		if !ok {
			return finding{how: absent}
		}
		return finding{id: id, how: headerValue}.in(s.CompanyHeader)
	case s.CompanyQuery != "":
		id, ok := Query(r.RawQuery, s.CompanyQuery)
		if !ok {
			return finding{how: absent}
		}
		return finding{id: id, how: queryValue}
	case s.CompanyClaim != "":
		header, token := s.companyToken(r)
		return t.claim(token, s.CompanyClaim).in(header)
	}
	return finding{how: absent}
}

// companyToken is the token of the first user header that holds one, else of
// Authorization, else "".
func (s *Sources) companyToken(r *Request) (header, token string) {
	for _, name := range s.UserHeaders {
		if value, ok := Header(r.Headers, name); ok {
			if token, ok := bearer(value); ok {
				return name, token
			}
		}
	}
	value, _ := Header(r.Headers, "Authorization")
	if token, ok := bearer(value); ok {
		return "Authorization", token
	}
	return "", ""
}

// Header returns the first value of the named header; name is in canonical form.
func Header(h wire.Headers, name string) (value string, present bool) {
	for i := range h {
		if h[i].Name == name {
			return h[i].Value, true
		}
	}
	return "", false
}

// Query returns the first value of a query parameter, and whether there is one.
// Pairs with a semicolon or a bad escape do not count (KrakenD v3, 9).
func Query(raw, name string) (value string, present bool) {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if strings.Contains(pair, ";") {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name || pair == "" {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			return value, true
		}
	}
	return "", false
}
