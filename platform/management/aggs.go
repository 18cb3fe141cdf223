package management

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/platform/events"
)

// aggs reads aggregates, by their names in order.
func (p *parser) aggs(at string, v any, depth int) ([]events.Agg, error) {
	if v == nil {
		return nil, nil
	}
	o, ok := v.(object)
	if !ok {
		return nil, bad(at, "must be an object")
	}
	if depth > 4 {
		return nil, bad(at, "nested deeper than 4")
	}
	if err := p.used(at, len(o)); err != nil {
		return nil, err
	}
	out := make([]events.Agg, 0, len(o))
	for _, name := range slices.Sorted(maps.Keys(o)) {
		a, err := p.agg(at+"."+name, o[name], depth)
		if err != nil {
			return nil, err
		}
		a.Name = name
		out = append(out, a)
	}
	return out, nil
}

func (p *parser) agg(at string, v any, depth int) (a events.Agg, err error) {
	o, ok := v.(object)
	if !ok {
		return a, bad(at, "must be an object")
	}
	o = maps.Clone(o)
	sub := o["aggs"]
	if sub == nil {
		sub = o["aggregations"]
	}
	delete(o, "aggs")
	delete(o, "aggregations")
	delete(o, "meta")
	kind, value, err := only(at, o)
	if err != nil {
		return a, err
	}
	if a.Sub, err = p.aggs(at+".aggs", sub, depth+1); err != nil {
		return a, err
	}
	at += "." + kind
	switch kind {
	case "terms":
		a, err = p.termsAgg(at, value, a)
	case "date_histogram":
		a, err = p.histogram(at, value, a)
	case events.Ranges:
		a, err = p.ranges(at, value, a)
	case events.Sum, events.Avg, events.Min, events.Max, events.ValueCount, events.Cardinality, events.Percentiles:
		if len(a.Sub) > 0 {
			return a, bad(at, "cannot have aggs below")
		}
		a, err = p.metric(at, kind, value)
	default:
		err = bad(at, "is not known here: known are terms, date_histogram, range, sum, avg, min, max, value_count, cardinality and percentiles")
	}
	return a, err
}

func (p *parser) metric(at, kind string, v any) (a events.Agg, err error) {
	o, err := members(at, v, "field", "missing", "percents", "precision_threshold", "keyed", "tdigest", "hdr")
	if err != nil {
		return a, err
	}
	a.What = kind
	if a.Field, err = fieldOf(at+".field", o["field"]); err != nil {
		return a, err
	}
	// Every event has a weight, which is what missing is given for.
	if o["missing"] != nil && a.Field.Name != "weight" {
		return a, bad(at+".missing", "is known for weight only")
	}
	if kind != events.Percentiles {
		return a, nil
	}
	a.Percents = []float64{1, 5, 25, 50, 75, 95, 99}
	if o["percents"] == nil {
		return a, nil
	}
	a.Percents = nil
	for i, v := range list(o["percents"]) {
		n, err := strconv.ParseFloat(text(v), 64)
		if err != nil || !(n >= 0 && n <= 100) || i >= 20 {
			return a, bad(at+".percents", "must be at most 20 numbers from 0 to 100")
		}
		a.Percents = append(a.Percents, n)
	}
	if len(a.Percents) == 0 {
		return a, bad(at+".percents", "must be at most 20 numbers from 0 to 100")
	}
	return a, nil
}

func (p *parser) termsAgg(at string, v any, a events.Agg) (events.Agg, error) {
	o, err := members(at, v, "field", "size", "shard_size", "order", "min_doc_count")
	if err != nil {
		return a, err
	}
	a.What, a.Size = events.Terms, 10
	if a.Field, err = fieldOf(at+".field", o["field"]); err != nil {
		return a, err
	}
	if a.Field.Kind == events.Time {
		return a, bad(at+".field", "is a time: use date_histogram")
	}
	if n, ok := o["min_doc_count"]; ok && text(n) != "1" {
		return a, bad(at+".min_doc_count", "must be 1")
	}
	if a.Size, err = whole(at+".size", o["size"], 10, 1, 1000); err != nil {
		return a, err
	}
	if o["order"] == nil {
		return a, nil
	}
	by := o["order"]
	if l := list(by); len(l) == 1 {
		by = l[0]
	}
	name, direction, err := only(at+".order", by)
	if err != nil {
		return a, err
	}
	switch name {
	case "_count":
	case "_key", "_term":
		a.Order.By = "_key"
	default:
		a.Order.By = name
	}
	a.Order.Up, err = upward(at+".order", direction)
	return a, err
}

func (p *parser) histogram(at string, v any, a events.Agg) (events.Agg, error) {
	o, err := members(at, v, "field", "interval", "fixed_interval", "calendar_interval", "time_zone", "min_doc_count", "format", "order", "keyed")
	if err != nil {
		return a, err
	}
	a.What = events.Histogram
	if a.Field, err = fieldOf(at+".field", o["field"]); err != nil {
		return a, err
	}
	if a.Field.Kind != events.Time {
		return a, bad(at+".field", "must be request.time")
	}
	if o["order"] != nil || o["keyed"] == true {
		return a, bad(at, "order and keyed are not known here: buckets come by time")
	}
	if n, ok := o["min_doc_count"]; ok && text(n) != "0" && text(n) != "1" {
		return a, bad(at+".min_doc_count", "must be 0 or 1; buckets without events are left out")
	}
	in := p.zone
	if name, ok := o["time_zone"].(string); ok {
		if in, err = zone(name); err != nil {
			return a, err
		}
	}
	a.Zone = in.String()
	name := "interval"
	for _, n := range []string{"fixed_interval", "calendar_interval"} {
		if o[n] != nil {
			name = n
		}
	}
	a.Every, err = every(at+"."+name, text(o[name]))
	return a, err
}

var intervalUnits = map[string]string{
	"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month", "q": "quarter", "y": "year",
	"second": "second", "minute": "minute", "hour": "hour", "day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year",
}

// every reads an interval: 5m, 1d, month.
func every(at, s string) (events.Every, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzM")
	unit := intervalUnits[s[len(digits):]]
	n := 1
	if digits != "" {
		var err error
		if n, err = strconv.Atoi(digits); err != nil {
			n = 0
		}
	}
	if unit == "" || n < 1 || n > 10_000 {
		return events.Every{}, bad(at, "must be an interval like 5m, 1h, 1d, 1w, 1M, day or month (got %.20q)", s)
	}
	if unit == "quarter" {
		n, unit = 3*n, "month"
	}
	return events.Every{N: n, Unit: unit}, nil
}

// whole reads a whole number; without one it is the default.
func whole(at string, v any, without, least, most int) (int, error) {
	if v == nil {
		return without, nil
	}
	n, err := strconv.Atoi(text(v))
	if err != nil || n < least || n > most {
		return 0, bad(at, "must be a whole number from %d to %d", least, most)
	}
	return n, nil
}

func upward(at string, v any) (bool, error) {
	switch v {
	case "asc":
		return true, nil
	case "desc":
		return false, nil
	}
	return false, bad(at, "must be asc or desc")
}
