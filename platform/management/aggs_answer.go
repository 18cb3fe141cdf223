package management

import (
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
)

// aggregations writes answers as Elasticsearch does.
func aggregations(answers []events.AggAnswer) object {
	out := object{}
	for _, x := range answers {
		switch x.Agg.What {
		case events.Terms, events.Histogram:
			buckets := make([]object, len(x.Buckets))
			for i, b := range x.Buckets {
				o := aggregations(b.Aggs)
				o["key"], o["doc_count"] = b.Key, b.Events
				if at, ok := b.Key.(time.Time); ok {
					o["key"], o["key_as_string"] = at.UnixMilli(), at.Format("2006-01-02T15:04:05.000Z")
				}
				buckets[i] = o
			}
			o := object{"buckets": buckets}
			if x.Agg.What == events.Terms {
				o["sum_other_doc_count"], o["doc_count_error_upper_bound"] = x.Others, 0
			}
			out[x.Agg.Name] = o
		case events.Ranges:
			out[x.Agg.Name] = object{"buckets": spans(x)}
		case events.Percentiles:
			values := object{}
			for i, p := range x.Agg.Percents {
				values[decimal(p)] = x.Values[i]
			}
			out[x.Agg.Name] = object{"values": values}
		default:
			out[x.Agg.Name] = object{"value": x.Values[0]}
		}
	}
	return out
}

// spans writes the buckets of all ranges, also of those without events.
func spans(x events.AggAnswer) []object {
	buckets := make([]object, len(x.Agg.Spans))
	for i, s := range x.Agg.Spans {
		o := object{"doc_count": 0}
		for _, b := range x.Buckets {
			if b.Key == float64(i) {
				o = aggregations(b.Aggs)
				o["doc_count"] = b.Events
			}
		}
		ends := [2]string{"*", "*"}
		for k, end := range []*float64{s.From, s.To} {
			if end != nil {
				ends[k], o[[]string{"from", "to"}[k]] = decimal(*end), *end
			}
		}
		o["key"] = strings.Join(ends[:], "-")
		buckets[i] = o
	}
	return buckets
}

// decimal writes 95 as "95.0", as Elasticsearch does.
func decimal(p float64) string {
	s := strconv.FormatFloat(p, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
