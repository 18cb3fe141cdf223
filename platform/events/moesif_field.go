package events

import (
	"fmt"
	"slices"
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
	Kind Kind

	sql string // text of this package
	arg any    // bound in sql; nil: none
}

// fields are those of a fixed place, by their names in Moesif's documents (Moesif
// wire, 7.1). request.route is the endpoint's pattern.
var fields = map[string]Field{
	"user_id":                    {sql: "user_id"},
	"company_id":                 {sql: "company_id"},
	"subscription_id":            {sql: "subscription_id"},
	"session_token":              {sql: "session"},
	"transaction_id":             {sql: "transaction_id"},
	"id":                         {sql: "transaction_id"},
	"_id":                        {sql: "transaction_id"},
	"direction":                  {sql: "direction"},
	"blocked_by":                 {sql: "blocked_by"},
	"weight":                     {sql: "weight", Kind: Number},
	"duration_ms":                {sql: "duration_us / 1000.0", Kind: Number},
	"request.time":               {sql: "time", Kind: Time},
	"request.verb":               {sql: "verb"},
	"request.uri":                {sql: "coalesce(uri, coalesce(scheme || '://' || coalesce(host, ''), '') || path || coalesce('?' || query, ''))"},
	"request.host":               {sql: "host"},
	"request.path":               {sql: "path"},
	"request.route":              {sql: "route"},
	"request.ip_address":         {sql: "ip"},
	"request.api_version":        {sql: "api_version"},
	"request.user_agent_string":  {sql: "user_agent"},
	"request.content_length":     {sql: "request_bytes", Kind: Number},
	"response.status":            {sql: "nullif(status, 0)", Kind: Number},
	"response.ip_address":        {sql: "response_ip"},
	"response.content_length":    {sql: "response_bytes", Kind: Number},
	"metadata.gatemeter.refused": {sql: "refused"},
}

// documents are the fields under which there is a JSON document.
var documents = map[string]string{
	"metadata.":         "json_extract_string(metadata, ?::VARCHAR)",
	"request.headers.":  "json_extract_string(request_headers, ?::VARCHAR)",
	"response.headers.": "json_extract_string(response_headers, ?::VARCHAR)",
}

// FieldOf finds a field by its name in Moesif's documents; an ending .raw changes
// nothing. Below metadata, request.headers and response.headers there are all that
// were sent, as text: headers in the letters they were sent with. Otherwise it is
// an ErrQuestion.
func FieldOf(name string) (Field, error) {
	bare := strings.TrimSuffix(name, ".raw")
	if f, ok := fields[bare]; ok {
		f.Name = name
		return f, nil
	}
	for prefix, sql := range documents {
		if path, ok := strings.CutPrefix(bare, prefix); ok && path != "" && len(path) <= 1024 {
			if prefix == "metadata." {
				path = strings.ReplaceAll(escapePointer(path), ".", "/")
			} else {
				path = escapePointer(path)
			}
			return Field{Name: name, sql: sql, arg: text("/" + path)}, nil
		}
	}
	return Field{}, fmt.Errorf("%w: field %q: not one that can be searched", ErrQuestion, name)
}

// add writes the field's expression into c, with f of its text.
func (f Field) add(c *condition, write func(sql string) string, args ...any) {
	if f.arg != nil {
		args = slices.Concat([]any{f.arg}, args)
	}
	c.and(write(f.sql), args...)
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
	if f.Kind == Time {
		return "make_timestamp(?::BIGINT)"
	}
	return "?"
}
