package identity

import (
	"fmt"
	"strings"
)

// how says how an id was found, or why there is none.
type how uint8

const (
	absent      how = iota // no header or parameter is there to look at
	headerValue            // the value of a header
	queryValue             // the value of a query parameter
	basicName              // the user name of Basic credentials
	claimValue             // a claim of a token
	noScheme               // Authorization that is neither Basic nor Bearer
	noToken                // no token to look into
	badToken               // a token that cannot be read
	noClaim                // a token without the claim
	noString               // a claim that is not a string
)

// Explain says in one short sentence where Identify finds the user and the
// company of r, or why it does not. It names headers, parameters and claims, and
// never shows a value of one.
func (s *Sources) Explain(r *Request) string {
	t := tokens{request: r}
	defer t.done()
	text := explain("user", s.UserClaim, missing(s.UserHeaders), s.user(r, &t))
	switch {
	case s.CompanyHeader != "":
		text += "; " + explain("company", "", missing([]string{s.CompanyHeader}), s.company(r, &t))
	case s.CompanyQuery != "":
		text += "; " + explain("company", s.CompanyQuery, fmt.Sprintf("there is no query parameter %q", s.CompanyQuery), s.company(r, &t))
	case s.CompanyClaim != "":
		text += "; " + explain("company", s.CompanyClaim, "no header holds a Bearer token", s.company(r, &t))
	}
	return text
}

// missing says that none of the headers is there.
func missing(headers []string) string {
	switch len(headers) {
	case 0:
		return "user_id_headers names no header"
	case 1:
		return headers[0] + " is not present"
	}
	return "none of " + strings.Join(headers, ", ") + " is present"
}

// explain words a finding about who, by the claim or parameter called name;
// nowhere is why there was nothing to look at.
func explain(who, name, nowhere string, f finding) string {
	token := "the Bearer token of " + f.header
	if f.validated {
		token = "the validated token"
	}
	place := f.header
	switch f.how {
	case absent:
		return "no " + who + ": " + nowhere
	case noToken:
		if f.header != "" {
			return fmt.Sprintf("no %s: %s holds no token behind its scheme", who, f.header)
		}
		return "no " + who + ": " + nowhere
	case noScheme:
		return fmt.Sprintf("no %s: %s is neither Basic nor Bearer", who, f.header)
	case badToken:
		return fmt.Sprintf("no %s: %s cannot be read", who, token)
	case noClaim:
		return fmt.Sprintf("no %s: %s has no claim %q", who, token, name)
	case noString:
		return fmt.Sprintf("no %s: the claim %q of %s is not a string", who, name, token)
	case queryValue:
		place = fmt.Sprintf("the query parameter %q", name)
	case basicName:
		place = "the user name in " + f.header + " (Basic)"
	case claimValue:
		place = fmt.Sprintf("the claim %q of %s", name, token)
	}
	if f.id == "" {
		return "no " + who + ": " + place + " is empty or unreadable"
	}
	return who + " from " + place
}
