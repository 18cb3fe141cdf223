package modify

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// schemaCheck is validation/json-schema: a body that is empty, no JSON, or not as
// the schema says is a 400 (KrakenD v3, 5). The body is read whole, so one of more
// than maxBody bytes is a 413, and one that does not come in within the endpoint's
// timeout a 408.
type schemaCheck struct {
	schema   *jsonschema.Schema
	patience time.Duration
}

// NewSchema checks the bodies of e's requests; nil when e has no schema.
func NewSchema(e *config.Endpoint) Check {
	if e.BodySchema == nil {
		return nil
	}
	return &schemaCheck{schema: e.BodySchema, patience: e.Timeout}
}

// Look implements Check.
func (c *schemaCheck) Look(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, *Refusal) {
	body, next, err := wholeBody(w, r, c.patience)
	switch {
	case errors.Is(err, errTooLong):
		return nil, badBody(http.StatusRequestEntityTooLarge, err.Error())
	case errors.Is(err, errTooSlow):
		return nil, badBody(http.StatusRequestTimeout, err.Error())
	case err != nil:
		return nil, badBody(http.StatusBadRequest, "the body can't be read")
	case len(body) == 0:
		return nil, badBody(http.StatusBadRequest, "could not validate an empty body")
	}
	if problem := c.problem(body); problem != "" {
		return nil, badBody(http.StatusBadRequest, problem)
	}
	return next, nil
}

func badBody(status int, text string) *Refusal {
	return &Refusal{Status: status, Text: text, Reason: moesif.BadRequest}
}

// problem says what is wrong with body, "" when nothing is.
func (c *schemaCheck) problem(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var document any
	if err := d.Decode(&document); err != nil {
		return "the body is not JSON: " + err.Error()
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "the body is not JSON: something follows its end"
	}
	if extreme(document) {
		return "the body holds a number that is out of range"
	}
	err := c.schema.Validate(document)
	if err == nil {
		return ""
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	var lines []string
	for _, f := range config.SchemaFaults(invalid) {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// Bounds on a number, whose value is computed exactly: a short one with a large
// exponent is a long computation.
const (
	maxDigits   = 1000
	maxExponent = 1000 // a double has 308
)

// extreme reports whether v holds a number beyond the bounds.
func extreme(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			if extreme(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, extreme)
	case json.Number:
		if len(v) > maxDigits {
			return true
		}
		if e := strings.IndexAny(string(v), "eE"); e >= 0 {
			exponent, err := strconv.Atoi(string(v[e+1:]))
			return err != nil || exponent > maxExponent || exponent < -maxExponent
		}
	}
	return false
}

var _ Check = (*schemaCheck)(nil)
