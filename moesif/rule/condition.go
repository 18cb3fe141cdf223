package rule

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// kind is what a condition looks at. The cheap ones come first.
type kind uint8

const (
	ofVerb kind = iota
	ofRoute
	ofAddress
	ofStatus
	ofHeader
	ofBody
)

// field is the path of a condition (Moesif wire, 4.4).
type field struct {
	kind kind
	name string // of the header, in lower case; the path in the body
	slot int    // of a field of the body: its place among all that a Set looks at
}

// parseField reads a path; false when it names nothing.
func parseField(path string) (field, bool) {
	switch path {
	case "request.verb":
		return field{kind: ofVerb}, true
	case "request.route":
		return field{kind: ofRoute}, true
	case "request.ip_address", "request.ip": // the second is what Moesif's node and python SDKs know
		return field{kind: ofAddress}, true
	case "response.status":
		return field{kind: ofStatus}, true
	}
	if name, ok := strings.CutPrefix(path, "request.headers."); ok {
		return field{kind: ofHeader, name: strings.ToLower(name)}, isToken(name)
	}
	name, ok := strings.CutPrefix(path, "request.body.")
	return field{kind: ofBody, name: name}, ok && name != ""
}

// isToken reports whether s can be the name of a header (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// request is a Subject as the conditions of one question see it.
type request struct {
	*Subject
	slots    int // fields of bodies that the Set looks at
	status   string
	document document
}

// text returns the value of f; false when the request has none.
func (r *request) text(f *field) (text string, ok bool) {
	switch f.kind {
	case ofVerb:
		return r.Verb, r.Verb != ""
	case ofRoute:
		if r.Route == "" {
			return "/", true
		}
		return r.Route, true
	case ofAddress:
		return r.IP, r.IP != ""
	case ofStatus:
		if r.Status == 0 {
			return "", false
		}
		if r.status == "" {
			r.status = strconv.Itoa(r.Status)
		}
		return r.status, true
	case ofHeader:
		return header(r.Headers, f.name)
	}
	if r.Body == nil {
		return "", false
	}
	return r.document.value(r.Subject, f, r.slots)
}

// header returns the value of the named header, several joined as on the wire.
// It allocates only to join.
func header(h wire.Headers, name string) (value string, ok bool) {
	for i := range h {
		if !isNamed(&h[i], name) {
			continue
		}
		if ok {
			return joined(h, name), true
		}
		value, ok = h[i].Value, true
	}
	return value, ok
}

func isNamed(h *wire.Header, name string) bool {
	return len(h.Name) == len(name) && strings.EqualFold(h.Name, name)
}

func joined(h wire.Headers, name string) string {
	var values []string
	for i := range h {
		if isNamed(&h[i], name) {
			values = append(values, h[i].Value)
		}
	}
	return strings.Join(values, ", ")
}

type condition struct {
	field   field
	pattern *pattern
}

// group is conditions that must all match, the cheap ones first.
type group []condition

func (g group) sort() {
	slices.SortStableFunc(g, func(a, b condition) int { return a.cost() - b.cost() })
}

func (c *condition) cost() int {
	cost := 2 * int(c.field.kind)
	if c.pattern.re != nil {
		cost++
	}
	return cost
}

// readsBody reports whether one of the conditions, the last then, looks at the
// body.
func (g group) readsBody() bool { return len(g) > 0 && g[len(g)-1].field.kind == ofBody }

func (g group) match(r *request) bool {
	for i := range g {
		c := &g[i]
		if text, ok := r.text(&c.field); !ok || !c.pattern.match(text) {
			return false
		}
	}
	return true
}
