package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is what the values of a Field are.
type Kind int

// The kinds of fields.
const (
	Text Kind = iota
	Number
	Time
)

// Field is something of an event that a search can look at. Get one from FieldOf.
type Field struct {
	Name string // as it was asked for
	Kind Kind   // Text where it is a place in a document

	field field
}

// moesifNames are the names that fields have in Moesif's documents (Moesif wire,
// 7.1), and the console's for the same. request.route is the endpoint's pattern.
var moesifNames = map[string]string{
	"session_token":              "session",
	"id":                         "transaction_id",
	"_id":                        "transaction_id",
	"request.verb":               "verb",
	"request.host":               "host",
	"request.path":               "path",
	"request.route":              "route",
	"request.ip_address":         "ip",
	"request.api_version":        "api_version",
	"request.user_agent_string":  "user_agent",
	"request.content_length":     "request_bytes",
	"response.content_length":    "response_bytes",
	"metadata.gatemeter.refused": "refused",
}

// moesifColumns are what the console has not, or not in the same way: a call
// without an answer has no status in Moesif's documents.
var moesifColumns = map[string]field{
	"request.time":        {sql: "e.time", kind: Time},
	"request.uri":         {sql: "coalesce(e.uri, coalesce(e.scheme || '://' || coalesce(e.host, ''), '') || e.path || coalesce('?' || e.query, ''))"},
	"response.status":     {sql: "nullif(e.status, 0)", kind: Number},
	"response.ip_address": {sql: "e.response_ip"},
}

// maxMoesifName bounds the name of a field, in bytes.
const maxMoesifName = 1100

// FieldOf finds a field by its name in Moesif's documents, or else the console's;
// an ending .raw changes nothing. Below metadata, request.body and response.body
// there are all places that were sent, below request.headers and response.headers
// all headers, in any case. Otherwise it is an ErrQuestion.
func FieldOf(name string) (Field, error) {
	bare := text(strings.TrimSuffix(name, ".raw"))
	if other, ok := moesifNames[bare]; ok {
		bare = other
	}
	f, ok := moesifColumns[bare]
	if !ok && len(bare) <= maxMoesifName {
		f, ok = fieldNamed(bare)
	}
	if !ok {
		return Field{}, fmt.Errorf("%w: field %q: not one that can be searched", ErrQuestion, name)
	}
	return Field{Name: name, Kind: f.kind, field: f}, nil
}

// Free reports whether the values can be anything: those of a place in a document.
func (f Field) Free() bool { return f.field.place }

// asNumber is a free field by those of its values that are numbers.
func (f Field) asNumber() Field {
	if f.Free() {
		f.field.sql, f.field.kind, f.Kind = f.field.value(), Number, Number
	}
	return f
}

// against is the field as it is compared with v: a free one is a number beside a number.
func (f Field) against(v any) Field {
	switch v.(type) {
	case json.Number, float64, int64, int:
		return f.asNumber()
	}
	return f
}

// sortable is the field as events can be sorted by it.
func (f Field) sortable() (Field, error) {
	if f.Name == "" {
		return FieldOf("request.time")
	}
	if f = f.asNumber(); f.Kind == Text {
		return f, fmt.Errorf("%w: sort: %q cannot be sorted by: use request.time, duration_ms, response.status, weight or another number", ErrQuestion, f.Name)
	}
	return f, nil
}

// value turns a JSON value into one that can be compared with the field's: nil,
// string, bool, float64, int64, time.Time or json.Number.
func (f Field) value(v any) (any, error) {
	s, isText := v.(string)
	if !isText {
		s = fmt.Sprint(v)
	}
	switch f.Kind {
	case Number:
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n != n {
			return nil, fmt.Errorf("%w: field %q: has numbers (got %q)", ErrQuestion, f.Name, s)
		}
		return n, nil
	case Time:
		t, ok := v.(time.Time)
		if !ok || t.UnixMicro() < minMicros || t.UnixMicro() >= maxMicros {
			return nil, fmt.Errorf("%w: field %q: has times of the years 1 to 9999 (got %q)", ErrQuestion, f.Name, s)
		}
		return micros(t), nil
	}
	return text(s), nil
}

// mark is where a value of the field is bound.
func (f Field) mark() string {
	switch f.Kind {
	case Time:
		return "make_timestamp(?::BIGINT)"
	case Number:
		return "?::DOUBLE"
	}
	return "?"
}
