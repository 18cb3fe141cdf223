package events

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
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
)

var metricFunctions = map[string]string{
	Sum: "coalesce(sum(%s), 0)::DOUBLE", Avg: "avg(%s)::DOUBLE", Min: "min(%s)::DOUBLE", Max: "max(%s)::DOUBLE",
	ValueCount: "count(%s)::DOUBLE", Cardinality: "count(DISTINCT %s)::DOUBLE",
}

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
	Sub      []Agg     // of the buckets
}

// Every is a calendar's interval.
type Every struct {
	N    int
	Unit string // second, minute, hour, day, week, month, quarter, year
}

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
	Key    any // string, float64 or time.Time
	Events int64
	Aggs   []AggAnswer
}

// level is one bucket's aggregate on the way down, and the keys that were chosen.
type level struct {
	agg  Agg
	keys []any
}

// aggregate answers aggs for every bucket of path at once; the answers are those
// of the only one when path is empty.
func aggregate(ctx context.Context, tx *sql.Tx, c condition, path []level, aggs []Agg, budget *int) ([]AggAnswer, error) {
	nodes, err := under(ctx, tx, c, path, aggs, budget)
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
		switch a.What {
		case Terms, Histogram:
		case Percentiles:
			out[i].Values = make([]*float64, len(a.Percents))
		case Sum, ValueCount, Cardinality:
			out[i].Values = []*float64{new(float64)}
		default:
			out[i].Values = []*float64{nil}
		}
	}
	return out
}

// under answers aggs for each bucket of path, by the path's keys.
func under(ctx context.Context, tx *sql.Tx, c condition, path []level, aggs []Agg, budget *int) (map[string][]AggAnswer, error) {
	answers := map[string][]AggAnswer{}
	of := func(parent string) []AggAnswer {
		if answers[parent] == nil {
			answers[parent] = empty(aggs)
		}
		return answers[parent]
	}
	if err := metrics(ctx, tx, c, path, aggs, of); err != nil {
		return nil, err
	}
	for i, a := range aggs {
		if a.What != Terms && a.What != Histogram {
			continue
		}
		if err := buckets(ctx, tx, c, path, aggs, i, of, budget); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// metrics answers those of aggs that are numbers, in one statement.
func metrics(ctx context.Context, tx *sql.Tx, c condition, path []level, aggs []Agg, of func(string) []AggAnswer) error {
	st := statementOf(c, path)
	if err := st.metrics(aggs); err != nil {
		return err
	}
	if st.values == 0 {
		return nil
	}
	return st.run(ctx, tx, "docs DESC", 10*maxGroupBuckets, 10*maxGroupBuckets, func(keys []any, _, _ int64, values []*float64) {
		st.spread(values, of(pathKey(keys)))
	})
}

// buckets answers aggs[i], and what is below it.
func buckets(ctx context.Context, tx *sql.Tx, c condition, path []level, aggs []Agg, i int, of func(string) []AggAnswer, budget *int) error {
	a := aggs[i]
	here := level{agg: a}
	st := statementOf(c, append(slices.Clone(path), here))
	rank, size, err := st.rank(a)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	shown := map[string]int64{}
	all := map[string]int64{}
	err = st.run(ctx, tx, rank, size, *budget+1, func(keys []any, docs, parentDocs int64, _ []*float64) {
		parent, key := pathKey(keys[:len(path)]), keys[len(path)]
		x := &of(parent)[i]
		x.Buckets = append(x.Buckets, Bucket{Key: key, Events: docs, Aggs: empty(a.Sub)})
		shown[parent] += docs
		all[parent] = parentDocs
		if one := pathKey([]any{key}); !seen[one] {
			seen[one] = true
			here.keys = append(here.keys, key)
		}
		*budget--
	})
	if err != nil {
		return err
	}
	for parent, docs := range all {
		of(parent)[i].Others = docs - shown[parent]
	}
	if len(a.Sub) == 0 || len(here.keys) == 0 {
		return nil
	}
	below, err := under(ctx, tx, c, append(slices.Clone(path), here), a.Sub, budget)
	if err != nil {
		return err
	}
	for parent := range all {
		list := of(parent)[i].Buckets
		for j := range list {
			if found := below[parent+pathKey([]any{list[j].Key})]; found != nil {
				list[j].Aggs = found
			}
		}
	}
	return nil
}

func pathKey(keys []any) string {
	var b strings.Builder
	for _, k := range keys {
		text := fmt.Sprint(k)
		b.WriteString(strconv.Itoa(len(text)) + ":" + text)
	}
	return b.String()
}

// grouping is one statement that makes buckets.
type grouping struct {
	where   condition
	path    []level
	columns []string // of hits
	args    []any    // bound in columns
	known   condition
	selects []string // metrics
	values  int      // numbers that they give
	owners  []int    // index of the aggregate of each select
	lists   []int    // numbers of each select
}

func statementOf(c condition, path []level) *grouping {
	g := &grouping{where: c.copy(), path: path}
	for i, l := range path {
		column := "k" + strconv.Itoa(i)
		sql := l.agg.Field.sql
		if l.agg.What == Histogram {
			sql = "epoch_us(time_bucket(to_" + l.agg.Every.Unit + "s(" + strconv.Itoa(l.agg.Every.N) + "), time AT TIME ZONE 'UTC', ?::VARCHAR))"
			g.args = append(g.args, zoneOf(l.agg))
		} else if l.agg.Field.arg != nil {
			g.args = append(g.args, l.agg.Field.arg)
		}
		g.columns = append(g.columns, "("+sql+") AS "+column)
		g.known.and(column + " IS NOT NULL")
		if l.agg.What == Terms && len(l.keys) > 0 {
			g.known.and(column+" IN ("+marksFor(len(l.keys))+")", l.keys...)
		}
	}
	return g
}

func zoneOf(a Agg) string {
	if a.Zone == "" {
		return "UTC"
	}
	return a.Zone
}

func marksFor(n int) string { return strings.Repeat("?, ", n-1) + "?" }

// metrics adds those of aggs that are numbers.
func (g *grouping) metrics(aggs []Agg) error {
	for i, a := range aggs {
		if a.What == Terms || a.What == Histogram {
			continue
		}
		if err := g.metric(i, a); err != nil {
			return err
		}
	}
	return nil
}

func (g *grouping) metric(i int, a Agg) error {
	if a.Field.Kind != Number && a.What != Cardinality && a.What != ValueCount {
		if a.Field.arg == nil {
			return fmt.Errorf("%w: aggs.%s: %s needs a field of numbers, %q is none", ErrQuestion, a.Name, a.What, a.Field.Name)
		}
	}
	column := "m" + strconv.Itoa(len(g.selects))
	sql := "(" + a.Field.sql + ")"
	if a.Field.arg != nil {
		g.args = append(g.args, a.Field.arg)
		if a.What != Cardinality && a.What != ValueCount {
			sql = "try_cast(" + sql + " AS DOUBLE)"
		}
	}
	g.columns = append(g.columns, sql+" AS "+column)
	numbers := 1
	if a.What == Percentiles {
		numbers = len(a.Percents)
		parts := make([]string, numbers)
		for j, p := range a.Percents {
			parts[j] = strconv.FormatFloat(p/100, 'f', -1, 64)
		}
		g.selects = append(g.selects, "quantile_cont("+column+"::DOUBLE, ["+strings.Join(parts, ", ")+"])")
	} else {
		g.selects = append(g.selects, fmt.Sprintf(metricFunctions[a.What], column))
	}
	g.owners, g.lists = append(g.owners, i), append(g.lists, numbers)
	g.values += numbers
	return nil
}

// spread puts the numbers of one row into the answers.
func (g *grouping) spread(values []*float64, answers []AggAnswer) {
	for i, owner := range g.owners {
		answers[owner].Values = values[:g.lists[i]:g.lists[i]]
		values = values[g.lists[i]:]
	}
}

// rank says in which order the buckets of a come, and how many there are at most.
func (g *grouping) rank(a Agg) (rank string, size int, err error) {
	key := "k" + strconv.Itoa(len(g.path)-1)
	if a.What == Histogram {
		return key, maxGroupBuckets, nil
	}
	direction := " DESC"
	if a.Order.Up {
		direction = " ASC"
	}
	if a.Size < 1 || a.Size > maxTerms {
		return "", 0, fmt.Errorf("%w: aggs.%s.terms.size: must be from 1 to %d (got %d)", ErrQuestion, a.Name, maxTerms, a.Size)
	}
	switch a.Order.By {
	case "":
		return "docs" + direction + ", " + key, a.Size, nil
	case "_key":
		return key + direction, a.Size, nil
	}
	for i, sub := range a.Sub {
		if sub.Name == a.Order.By && sub.What != Terms && sub.What != Histogram && sub.What != Percentiles {
			if err := g.metric(i, sub); err != nil {
				return "", 0, err
			}
			return "v0" + direction + " NULLS LAST, " + key, a.Size, nil
		}
	}
	return "", 0, fmt.Errorf("%w: aggs.%s.terms.order: %q is none of _count, _key and the aggregates of one value below", ErrQuestion, a.Name, a.Order.By)
}

// run calls row for each bucket: the best ones of each parent.
func (g *grouping) run(ctx context.Context, tx *sql.Tx, rank string, size, limit int, row func(keys []any, docs, parentDocs int64, values []*float64)) error {
	keys := make([]string, len(g.path))
	for i := range keys {
		keys[i] = "k" + strconv.Itoa(i)
	}
	parent := "1"
	if len(keys) > 1 {
		parent = strings.Join(keys[:len(keys)-1], ", ")
	}
	marks := map[string]string{"fields": "1 AS one", "keys": "", "group": "one", "known": "true", "parent": parent, "rank": rank, "metrics": ""}
	if len(g.columns) > 0 {
		marks["fields"] = "1 AS one, " + strings.Join(g.columns, ", ")
	}
	if len(keys) > 0 {
		marks["keys"], marks["group"], marks["known"] = strings.Join(keys, ", ")+",", strings.Join(keys, ", "), g.known.sql
	}
	for i, s := range g.selects {
		marks["metrics"] += ", " + s + " AS v" + strconv.Itoa(i)
	}
	q := build("buckets", marks, g.where, g.args, slices.Concat(g.known.args, []any{size, limit}))
	found := 0
	err := query(ctx, tx, q, func(rows *sql.Rows) error {
		found++
		cells := make([]any, len(keys)+1+len(g.selects)+1)
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read buckets: %w", err)
		}
		n := len(keys)
		for i, l := range g.path {
			cells[i] = keyValue(l.agg, cells[i])
		}
		row(cells[:n:n], whole(cells[n]), whole(cells[len(cells)-1]), numbersOf(cells[n+1:len(cells)-1], g.lists))
		return nil
	})
	if err == nil && found == limit {
		return errTooMany
	}
	return err
}

// keyValue is a bucket's key as it is told.
func keyValue(a Agg, v any) any {
	if us, ok := v.(int64); ok && a.What == Histogram {
		return time.UnixMicro(us).UTC()
	}
	if f, ok := number(v); ok {
		return f
	}
	return v
}

func numbersOf(cells []any, lists []int) []*float64 {
	var out []*float64
	for i, cell := range cells {
		list, isList := cell.([]any)
		if !isList {
			list = make([]any, lists[i])
			if lists[i] == 1 {
				list[0] = cell
			}
		}
		for _, v := range list {
			f, ok := number(v)
			if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
				out = append(out, nil)
				continue
			}
			out = append(out, &f)
		}
	}
	return out
}

func whole(v any) int64 {
	f, _ := number(v)
	return int64(f)
}

// number reads what a column of numbers gives.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case int16:
		return float64(n), true
	}
	return 0, false
}
