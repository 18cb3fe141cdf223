package management

import (
	"encoding/json"
	"strconv"

	"github.com/gatemeter/gatemeter/platform/events"
)

// maxRanges is how many ranges one aggregate can have.
const maxRanges = 50

// ranges reads spans of numbers, which must not overlap: 10 is in the one that
// begins with it.
func (p *parser) ranges(at string, v any, a events.Agg) (events.Agg, error) {
	o, err := members(at, v, "field", "ranges", "keyed")
	if err != nil {
		return a, err
	}
	a.What = events.Ranges
	if a.Field, err = fieldOf(at+".field", o["field"]); err != nil {
		return a, err
	}
	if a.Field.Kind != events.Number && !a.Field.Free() {
		return a, bad(at+".field", "must be a field of numbers")
	}
	if o["keyed"] == true {
		return a, bad(at+".keyed", "is not known here: buckets are a list")
	}
	list, ok := o["ranges"].([]any)
	if !ok || len(list) == 0 || len(list) > maxRanges {
		return a, bad(at+".ranges", "must be a list of 1 to %d ranges", maxRanges)
	}
	if err := p.used(at, len(list)); err != nil {
		return a, err
	}
	for i, v := range list {
		at := at + ".ranges[" + strconv.Itoa(i) + "]"
		span, err := spanOf(at, v)
		if err != nil {
			return a, err
		}
		for k, other := range a.Spans {
			if before(span.From, other.To) && before(other.From, span.To) {
				return a, bad(at, "must not overlap with ranges[%d]", k)
			}
		}
		a.Spans = append(a.Spans, span)
	}
	return a, nil
}

func spanOf(at string, v any) (s events.Span, err error) {
	o, err := members(at, v, "from", "to")
	if err != nil {
		return s, err
	}
	for name, to := range map[string]**float64{"from": &s.From, "to": &s.To} {
		if o[name] == nil {
			continue
		}
		text, _ := o[name].(json.Number)
		n, err := text.Float64()
		if err != nil {
			return s, bad(at+"."+name, "must be a number")
		}
		*to = &n
	}
	if !before(s.From, s.To) {
		return s, bad(at, "from must be less than to")
	}
	return s, nil
}

// before reports whether a range that begins at from has something before to; nil is open.
func before(from, to *float64) bool { return from == nil || to == nil || *from < *to }
