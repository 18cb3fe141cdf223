package events

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

const (
	// maxGroupBuckets bounds the buckets of one search.
	maxGroupBuckets = 10_000
	// maxTerms is how many values of a field one aggregate can have.
	maxTerms = 1000
)

var errTooMany = fmt.Errorf("%w: aggs: more than %d buckets: ask for fewer values, longer intervals or a shorter range", ErrQuestion, maxGroupBuckets)

// What an Agg computes.
const (
	Sum         = "sum"
	Avg         = "avg"
	Min         = "min"
	Max         = "max"
	ValueCount  = "value_count"
	Cardinality = "cardinality"
	Percentiles = "percentiles"
	Terms       = "terms"     // a bucket per value
	Histogram   = "histogram" // a bucket per interval
	Ranges      = "range"     // a bucket per span of numbers
)

// Agg is an aggregate of the events that a search selects.
type Agg struct {
	Name     string
	What     string
	Field    Field
	Percents []float64 // of percentiles, 0 to 100
	Every    Every     // of a histogram, whose field is request.time
	Zone     string    // of a histogram: IANA name; "" is UTC
	Size     int       // buckets of terms, 1000 at most
	Order    Order     // of terms
	Spans    []Span    // of ranges, which must not overlap
	Sub      []Agg     // of the buckets
}

// Every is a calendar's interval.
type Every struct {
	N    int
	Unit string // second, minute, hour, day, week, month, quarter, year
}

// Span is From inclusive, To exclusive; nil is open.
type Span struct{ From, To *float64 }

// Order is that of buckets: by the number of events unless something else is named.
type Order struct {
	By string // "", "_key", or the name of an aggregate of one value below
	Up bool
}

// AggAnswer is what an Agg comes to.
type AggAnswer struct {
	Agg     Agg
	Values  []*float64 // one, or one for each percent; nil: there was nothing
	Buckets []Bucket
	Others  int64 // events of buckets that are not shown
}

// Bucket is the events that have one value.
type Bucket struct {
	Key    any // string, float64 or time.Time; of ranges the index of the span, a float64
	Events int64
	Aggs   []AggAnswer
}

// buckets reports whether a gives buckets, and not numbers.
func (a Agg) buckets() bool { return a.What == Terms || a.What == Histogram || a.What == Ranges }

// level is one bucket's aggregate on the way down, and the keys that were chosen.
type level struct {
	agg  Agg
	keys []any
}

// aggregation is where the events of aggregates are read.
type aggregation struct {
	tx     *sql.Tx
	filter Filter
	where  condition
	budget *int // buckets that can still be made
}

// answer answers aggs of all events.
func (g aggregation) answer(ctx context.Context, aggs []Agg) ([]AggAnswer, error) {
	nodes, err := g.under(ctx, nil, aggs)
	if err != nil {
		return nil, err
	}
	if found := nodes[""]; found != nil {
		return found, nil
	}
	return empty(aggs), nil
}

// empty are the answers when there is no event.
func empty(aggs []Agg) []AggAnswer {
	out := make([]AggAnswer, len(aggs))
	for i, a := range aggs {
		out[i] = AggAnswer{Agg: a}
		switch {
		case a.buckets():
		case a.What == Percentiles:
			out[i].Values = make([]*float64, len(a.Percents))
		case a.What == Sum || a.What == ValueCount || a.What == Cardinality:
			out[i].Values = []*float64{new(float64)}
		default:
			out[i].Values = []*float64{nil}
		}
	}
	return out
}

// under answers aggs for each bucket of path at once, by the path's keys.
func (g aggregation) under(ctx context.Context, path []level, aggs []Agg) (map[string][]AggAnswer, error) {
	answers := map[string][]AggAnswer{}
	of := func(parent string) []AggAnswer {
		if answers[parent] == nil {
			answers[parent] = empty(aggs)
		}
		return answers[parent]
	}
	if err := g.numbers(ctx, path, aggs, of); err != nil {
		return nil, err
	}
	for i, a := range aggs {
		if !a.buckets() {
			continue
		}
		if err := g.buckets(ctx, path, aggs[i], func(parent string) *AggAnswer { return &of(parent)[i] }); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// numbers answers those of aggs that are numbers, in one statement.
func (g aggregation) numbers(ctx context.Context, path []level, aggs []Agg, of func(string) []AggAnswer) error {
	st := g.by(path)
	for i, a := range aggs {
		if a.buckets() {
			continue
		}
		if err := st.metric(i, a); err != nil {
			return err
		}
	}
	if len(st.metrics) == 0 {
		return nil
	}
	return st.run(ctx, "docs DESC", 10*maxGroupBuckets, 10*maxGroupBuckets, func(keys []any, _, _ int64, values []*float64) {
		answers := of(pathKey(keys))
		for _, m := range st.metrics {
			answers[m.owner].Values, values = values[:m.numbers:m.numbers], values[m.numbers:]
		}
	})
}

// buckets answers a for each bucket of path, and what is below it.
func (g aggregation) buckets(ctx context.Context, path []level, a Agg, of func(parent string) *AggAnswer) error {
	here := level{agg: a}
	st := g.by(append(slices.Clone(path), here))
	rank, size, err := st.rank(a)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	shown := map[string]int64{}
	all := map[string]int64{}
	err = st.run(ctx, rank, size, *g.budget+1, func(keys []any, docs, parentDocs int64, _ []*float64) {
		parent, key := pathKey(keys[:len(path)]), keys[len(path)]
		x := of(parent)
		x.Buckets = append(x.Buckets, Bucket{Key: key, Events: docs, Aggs: empty(a.Sub)})
		shown[parent] += docs
		all[parent] = parentDocs
		if one := pathKey([]any{key}); !seen[one] {
			seen[one] = true
			here.keys = append(here.keys, key)
		}
		*g.budget--
	})
	if err != nil {
		return err
	}
	for parent, docs := range all {
		of(parent).Others = docs - shown[parent]
	}
	if len(a.Sub) == 0 || len(here.keys) == 0 {
		return nil
	}
	below, err := g.under(ctx, append(slices.Clone(path), here), a.Sub)
	if err != nil {
		return err
	}
	for parent := range all {
		list := of(parent).Buckets
		for j := range list {
			if found := below[parent+pathKey([]any{list[j].Key})]; found != nil {
				list[j].Aggs = found
			}
		}
	}
	return nil
}
