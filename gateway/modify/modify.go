// Package modify looks into requests and answers, and changes them:
// validation/json-schema, validation/cel, modifier/martian, qos/http-cache and
// backend/graphql (KrakenD v3, 4, 5 and 2.1).
package modify

import "net/http"

// Check looks at a request before an endpoint's backends are asked. It returns the
// request to go on with, or why it must not. values are the endpoint's parameters,
// decoded, in the pattern's order. It is safe for concurrent use.
type Check interface {
	Look(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal)
}

// Refusal is the answer to a request that a Check does not let through.
type Refusal struct {
	Status int
	Text   string // for clients, where router.return_error_msg is on
	Reason string // for the exchange: one of moesif's
	// Bare leaves out X-Krakend: the answer is not the endpoint's. Without a Text it has
	// no Content-Type either.
	Bare bool
	// Said leaves out X-Krakend only: the text, of ContentType, is the answer.
	Said        bool
	ContentType string // "": text/plain
}
