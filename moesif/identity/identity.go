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
	tokens := tokens{request: r}
	user, userVerified := s.user(r, &tokens)
	company, companyVerified := s.company(r, &tokens)
	return Identity{
		UserID:    user,
		CompanyID: company,
		Verified: (user != "" || company != "") &&
			(user == "" || userVerified) && (company == "" || companyVerified),
	}
}

func (s *Sources) user(r *Request, t *tokens) (id string, verified bool) {
	for _, name := range s.UserHeaders {
		value, ok := Header(r.Headers, name)
		if !ok {
			continue
		}
		if name != "Authorization" {
			return fromHeader(value, s.UserClaim, t)
		}
		scheme, credentials := splitScheme(value)
		if strings.EqualFold(scheme, "Basic") {
			return basicUser(credentials), false
		}
		if r.Claims == nil && !strings.EqualFold(scheme, "Bearer") {
			return "", false
		}
		return t.claim(credentials, s.UserClaim)
	}
	// A validated token may have come in a cookie.
	if r.Claims != nil && slices.Contains(s.UserHeaders, "Authorization") {
		return t.claim("", s.UserClaim)
	}
	return "", false
}

// fromHeader reads a header that is not Authorization: its value is the id,
// except that a whole token is never one.
func fromHeader(value, claim string, t *tokens) (id string, verified bool) {
	token, ok := bearer(value)
	if ok && (t.request.Claims != nil || t.read(token) != nil) {
		return t.claim(token, claim)
	}
	return value, false
}

func (s *Sources) company(r *Request, t *tokens) (id string, verified bool) {
	switch {
	case s.CompanyHeader != "":
		id, _ = Header(r.Headers, s.CompanyHeader)
		return id, false
	case s.CompanyQuery != "":
		return query(r.RawQuery, s.CompanyQuery), false
	case s.CompanyClaim != "":
		return t.claim(s.companyToken(r), s.CompanyClaim)
	}
	return "", false
}

// companyToken is the token of the first user header that holds one, else of
// Authorization, else "".
func (s *Sources) companyToken(r *Request) string {
	for _, name := range s.UserHeaders {
		if value, ok := Header(r.Headers, name); ok {
			if token, ok := bearer(value); ok {
				return token
			}
		}
	}
	value, _ := Header(r.Headers, "Authorization")
	token, _ := bearer(value)
	return token
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

// query returns the first value of a query parameter. Pairs with a semicolon or
// a bad escape do not count (KrakenD v3, 9).
func query(raw, name string) string {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if strings.Contains(pair, ";") {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			return value
		}
	}
	return ""
}
