package management

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
)

const (
	maxDepth   = 20
	maxClauses = 1024 // and values of them, in one search
)

// parser reads Elasticsearch's query language, as much of it as scripts use for
// Moesif's search. What it does not know it names.
type parser struct {
	now   time.Time
	zone  *time.Location
	count int // clauses and values so far
}

// object is a JSON object on the way in; numbers are json.Number.
type object = map[string]any

// members returns v as an object that has none but the known members.
func members(at string, v any, known ...string) (object, error) {
	o, ok := v.(object)
	if !ok {
		return nil, bad(at, "must be an object")
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(known, name) {
			return nil, bad(at+"."+name, "is not known here: known are %s", strings.Join(known, ", "))
		}
	}
	return o, nil
}

// only returns the only member of an object.
func only(at string, v any) (name string, value any, err error) {
	o, ok := v.(object)
	if !ok || len(o) != 1 {
		return "", nil, bad(at, "must be an object with one member")
	}
	for name, value = range o {
	}
	return name, value, nil
}

// list returns v as a list; one thing that is no list is a list of it.
func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func (p *parser) used(at string, n int) error {
	if p.count += n; p.count > maxClauses {
		return bad(at, "more than %d clauses and values in one search", maxClauses)
	}
	return nil
}

// query reads one clause.
func (p *parser) query(at string, v any, depth int) (events.Where, error) {
	if depth > maxDepth {
		return nil, bad(at, "nested deeper than %d", maxDepth)
	}
	if err := p.used(at, 1); err != nil {
		return nil, err
	}
	kind, value, err := only(at, v)
	if err != nil {
		return nil, err
	}
	at += "." + kind
	switch kind {
	case "match_all":
		_, err := members(at, value, "boost")
		return events.All{}, err
	case "match_none":
		return events.Any{}, nil
	case "bool":
		return p.boolean(at, value, depth)
	case "constant_score":
		o, err := members(at, value, "filter", "boost")
		if err != nil {
			return nil, err
		}
		return p.query(at+".filter", o["filter"], depth+1)
	case "exists":
		o, err := members(at, value, "field", "boost")
		if err != nil {
			return nil, err
		}
		f, err := fieldOf(at+".field", o["field"])
		return events.Has{Field: f}, err
	case "ids":
		o, err := members(at, value, "values", "type")
		if err != nil {
			return nil, err
		}
		return p.oneOf(at+".values", "_id", o["values"])
	case "terms":
		return p.terms(at, value)
	case "term", "match", "match_phrase", "prefix", "range":
		name, value, err := only(at, value)
		if err != nil {
			return nil, err
		}
		return p.leaf(kind, at+"."+name, name, value)
	}
	return nil, bad(at, "is not known here: known are bool, term, terms, range, exists, match, match_phrase, prefix, ids, match_all, match_none and constant_score")
}

func (p *parser) boolean(at string, v any, depth int) (events.Where, error) {
	o, err := members(at, v, "must", "filter", "should", "must_not", "minimum_should_match", "boost")
	if err != nil {
		return nil, err
	}
	clauses := func(name string) ([]events.Where, error) {
		var out []events.Where
		if o[name] == nil {
			return nil, nil
		}
		for i, v := range list(o[name]) {
			w, err := p.query(at+"."+name+"["+strconv.Itoa(i)+"]", v, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
		}
		return out, nil
	}
	var all events.All
	for _, name := range []string{"must", "filter", "must_not"} {
		list, err := clauses(name)
		if err != nil {
			return nil, err
		}
		for _, w := range list {
			if name == "must_not" {
				w = events.Not{What: w}
			}
			all = append(all, w)
		}
	}
	should, err := clauses("should")
	if err != nil {
		return nil, err
	}
	// With must or filter beside it, should is only about the score, which there is none of.
	least := 0
	if len(should) > 0 && o["must"] == nil && o["filter"] == nil {
		least = 1
	}
	if n, ok := o["minimum_should_match"]; ok {
		switch text(n) {
		case "0":
			least = 0
		case "1":
			least = 1
		default:
			return nil, bad(at+".minimum_should_match", "must be 0 or 1")
		}
	}
	if least > 0 {
		all = append(all, events.Any(should))
	}
	return all, nil
}

func (p *parser) terms(at string, v any) (events.Where, error) {
	o, ok := v.(object)
	if !ok {
		return nil, bad(at, "must be an object with one member")
	}
	o = maps.Clone(o)
	delete(o, "boost")
	name, values, err := only(at, o)
	if err != nil {
		return nil, err
	}
	return p.oneOf(at+"."+name, name, values)
}

func (p *parser) oneOf(at, name string, v any) (events.Where, error) {
	f, err := fieldOf(at, name)
	if err != nil {
		return nil, err
	}
	values, ok := v.([]any)
	if !ok {
		return nil, bad(at, "must be a list")
	}
	if err := p.used(at, len(values)); err != nil {
		return nil, err
	}
	for i, v := range values {
		if err := scalar(at+"["+strconv.Itoa(i)+"]", v); err != nil {
			return nil, err
		}
	}
	return events.OneOf{Field: f, Values: values}, nil
}

// leaf reads a clause about one field.
func (p *parser) leaf(kind, at, name string, v any) (events.Where, error) {
	f, err := fieldOf(at, name)
	if err != nil {
		return nil, err
	}
	if kind == "range" {
		return p.within(at, f, v)
	}
	all := false
	if o, ok := v.(object); ok {
		inner := map[string]string{"term": "value", "prefix": "value"}[kind]
		if inner == "" {
			inner = "query"
		}
		if o, err = members(at, o, inner, "boost", "operator", "case_insensitive"); err != nil {
			return nil, err
		}
		if o["case_insensitive"] == true {
			return nil, bad(at+".case_insensitive", "is not known here: use match")
		}
		all = strings.EqualFold(text(o["operator"]), "and")
		at, v = at+"."+inner, o[inner]
	}
	if err := scalar(at, v); err != nil {
		return nil, err
	}
	switch {
	case kind == "term", f.Kind != events.Text:
		return events.OneOf{Field: f, Values: []any{v}}, nil
	case kind == "prefix":
		return events.Beginning{Field: f, Text: text(v)}, nil
	case kind == "match_phrase":
		return events.Containing{Field: f, Text: text(v)}, nil
	}
	words := strings.Fields(text(v))
	if err := p.used(at, len(words)); err != nil {
		return nil, err
	}
	each := make([]events.Where, len(words))
	for i, word := range words {
		each[i] = events.Containing{Field: f, Text: word}
	}
	if all {
		return events.All(each), nil
	}
	return events.Any(each), nil
}

func (p *parser) within(at string, f events.Field, v any) (events.Where, error) {
	o, err := members(at, v, "gt", "gte", "lte", "lt", "from", "to", "time_zone", "format", "boost", "include_lower", "include_upper")
	if err != nil {
		return nil, err
	}
	if o["include_lower"] == false || o["include_upper"] == false {
		return nil, bad(at, "say gt and lt instead of include_lower and include_upper")
	}
	in := p.zone
	if name, ok := o["time_zone"].(string); ok {
		if in, err = zone(name); err != nil {
			return nil, err
		}
	}
	r := events.Within{Field: f}
	for name, to := range map[string]*any{"gt": &r.Over, "gte": &r.From, "from": &r.From, "lte": &r.Upto, "to": &r.Upto, "lt": &r.Under} {
		v := o[name]
		if v == nil {
			continue
		}
		if err := scalar(at+"."+name, v); err != nil {
			return nil, err
		}
		if f.Kind == events.Time {
			if v, err = moment(at+"."+name, text(v), p.now, in); err != nil {
				return nil, err
			}
		}
		*to = v
	}
	return r, nil
}

// fieldOf finds a field by what stands for it.
func fieldOf(at string, v any) (events.Field, error) {
	name, ok := v.(string)
	if !ok || name == "" {
		return events.Field{}, bad(at, "must name a field")
	}
	f, err := events.FieldOf(name)
	if err != nil {
		return f, bad(at, "%.100q is not a field that can be searched", name)
	}
	return f, nil
}

// scalar demands a string, number or boolean.
func scalar(at string, v any) error {
	switch v := v.(type) {
	case bool, json.Number:
		return nil
	case string:
		if len(v) > 16<<10 {
			return bad(at, "is longer than 16 KiB")
		}
		return nil
	}
	return bad(at, "must be a string, a number or a boolean")
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
