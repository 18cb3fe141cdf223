package rule

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// answer is what a rule answers with, ready to be filled in.
type answer struct {
	status  int
	headers []headerField // in order of their names
	body    template      // without parts: none
	ready   []byte        // the body when there is nothing to fill in
}

type headerField struct {
	name  string // canonical
	value template
}

// Statuses an answer can have. What is outside becomes the default.
const (
	lowestStatus  = 200
	highestStatus = 999
	defaultStatus = http.StatusTooManyRequests
)

// newAnswer compiles a response. What cannot be sent is left out, and named in
// the errors.
func newAnswer(response *wire.RuleResponse, block bool, declared variables) (answer, []error) {
	a := answer{status: response.Status}
	var problems []error
	if a.status < lowestStatus || a.status > highestStatus {
		if a.status != 0 && block {
			problems = append(problems, fmt.Errorf("response.status: must be between %d and %d, or 0 for %d (got %d)",
				lowestStatus, highestStatus, defaultStatus, a.status))
		}
		a.status = defaultStatus
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		value := response.Headers[name]
		if err := checkHeader(name, canonical, value); err != nil {
			problems = append(problems, err)
		}
		if !isToken(name) || isReserved(canonical) {
			continue
		}
		if first, twice := seen[canonical]; twice {
			problems = append(problems, fmt.Errorf("response.headers: %s and %s are the same header", first, name))
		}
		seen[canonical] = name
		a.headers = append(a.headers, headerField{canonical, headerTemplate(value, declared)})
	}
	body, err := bodyTemplate(response.Body, declared)
	if err != nil && len(response.Body) > 0 {
		problems = append(problems, fmt.Errorf("response.body: must be JSON: %w", err))
	}
	if err == nil && hasBody(a.status) {
		a.body = body
		if text, fixed := body.fixed(); fixed && text != "" {
			a.ready = slices.Clip([]byte(text))
		}
	}
	return a, problems
}

func checkHeader(name, canonical, value string) error {
	switch {
	case !isToken(name):
		return fmt.Errorf("response.headers: %s cannot be the name of a header", quoted(name))
	case isReserved(canonical):
		return fmt.Errorf("response.headers.%s: belongs to the connection, a rule cannot set it", name)
	case string(appendField(nil, value)) != value:
		return fmt.Errorf("response.headers.%s: must have no control characters such as line ends", name)
	}
	return nil
}

// isReserved reports whether a header, its name canonical, says how the message
// is sent rather than what it is: framing, coding and hop-by-hop.
func isReserved(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Content-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade":
		return true
	}
	return strings.HasPrefix(name, "Proxy-")
}

// hasBody reports whether an answer of this status may have a body (RFC 9110, 6.4.1).
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusResetContent && status != http.StatusNotModified
}

// application is a rule that applies to a request.
type application struct {
	rule   *compiled
	values string // of the customer, see valueOf; empty: all missing
}

// decision merges rules in the order they apply: of headers the later wins, of
// status and body the last rule that blocks.
func decision(applied []application) Decision {
	var d Decision
	var last *application
	for i := range applied {
		a := &applied[i]
		for j := range a.rule.answer.headers {
			h := &a.rule.answer.headers[j]
			text, fixed := h.value.fixed()
			if !fixed {
				text = string(h.value.fill(nil, a.values))
			}
			d.set(h.name, strings.TrimSpace(text))
		}
		if a.rule.block {
			last = a
		}
	}
	if last == nil {
		return d
	}
	d.Blocked, d.BlockedBy, d.Status = true, last.rule.id, last.rule.answer.status
	if d.Body = last.rule.answer.ready; d.Body == nil {
		d.Body = last.rule.answer.body.fill(nil, last.values)
	}
	if d.Body != nil {
		d.set("Content-Type", "application/json")
	}
	return d
}

// set puts a header in the place of the one with its name.
func (d *Decision) set(name, value string) {
	for i := range d.Headers {
		if d.Headers[i].Name == name {
			d.Headers[i].Value = value
			return
		}
	}
	d.Headers = append(d.Headers, wire.Header{Name: name, Value: value})
}
