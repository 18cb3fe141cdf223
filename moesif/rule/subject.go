// Package rule is governance as pure functions: rules and the application's
// configuration are compiled into a Set, and the Set decides about a request,
// live in a gateway or over stored traffic. There is no I/O and no clock in it.
package rule

import "github.com/gatemeter/gatemeter/moesif/wire"

// Subject is what rules see of a request. It must not be changed while a Set
// looks at it.
type Subject struct {
	UserID, CompanyID string // "" is unidentified
	Verb              string
	Route             string       // the URL's path
	IP                string       // of the client
	Headers           wire.Headers // of the request; names are looked up in any case
	Body              Body         // nil: there is none
	Status            int          // of the answer, for sampling; 0: not known
}

// MaxBody bounds, in bytes, the bodies that conditions look at.
const MaxBody = 64 << 10

// Body gives the request's body to the conditions that look at it.
type Body interface {
	// Read returns the whole body; ok is false when there is none, when it is
	// longer than MaxBody, or when it cannot be read. It is called only when a
	// condition needs it, and may be called several times.
	Read() (data []byte, ok bool)
}

// Bytes is a Body that is there already.
type Bytes []byte

// Read implements Body.
func (b Bytes) Read() (data []byte, ok bool) { return b, len(b) > 0 && len(b) <= MaxBody }

// Decision is what the rules say about a request. The zero Decision lets it pass
// untouched.
type Decision struct {
	Blocked   bool
	BlockedBy string        // the rule's _id
	Status    int           // of the answer, 200 to 999; set when Blocked
	Headers   []wire.Header // to set on the answer, blocked or not; names canonical and fit to be set
	Body      []byte        // of the answer, JSON; nil: none
}

// IsZero reports whether nothing is to be done.
func (d *Decision) IsZero() bool { return !d.Blocked && len(d.Headers) == 0 }
