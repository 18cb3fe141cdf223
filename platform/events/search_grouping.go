package events

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var metricFunctions = map[string]string{
	Sum: "coalesce(sum(%s), 0)::DOUBLE", Avg: "avg(%s)::DOUBLE", Min: "min(%s)::DOUBLE", Max: "max(%s)::DOUBLE",
	ValueCount: "count(%s)::DOUBLE", Cardinality: "count(DISTINCT %s)::DOUBLE",
}

// grouping is one statement that makes buckets.
type grouping struct {
	aggregation
	path    []level
	columns []string // of hits
	args    []any    // bound in columns
	body    bool     // one of the columns is in a body
	known   condition
	metrics []metric
}

// metric is numbers of each bucket.
type metric struct {
	sql     string
	owner   int // index of the aggregate
	numbers int
}

// by groups by the levels of path.
func (g aggregation) by(path []level) *grouping {
	st := &grouping{aggregation: g, path: path}
	for i, l := range path {
		column := "k" + strconv.Itoa(i)
		sql, args := l.agg.key()
		st.column(column, sql, l.agg.Field, args...)
		st.known.and(column + " IS NOT NULL")
		if l.agg.What == Terms && len(l.keys) > 0 {
			st.known.and(column+" IN ("+marksFor(len(l.keys))+")", l.keys...)
		}
	}
	return st
}

// column adds a column of hits that is made of a field; args are bound behind the field's.
func (st *grouping) column(name, sql string, f Field, args ...any) {
	st.columns = append(st.columns, "("+sql+") AS "+name)
	st.args = slices.Concat(st.args, f.field.args, args)
	st.body = st.body || f.field.body
}

// key is what the buckets of a are made by; args are bound behind those of its field.
func (a Agg) key() (sql string, args []any) {
	switch a.What {
	case Histogram:
		zone := a.Zone
		if zone == "" {
			zone = "UTC"
		}
		return "epoch_us(time_bucket(to_" + a.Every.Unit + "s(" + strconv.Itoa(a.Every.N) + "), " + a.Field.field.sql + " AT TIME ZONE 'UTC', ?::VARCHAR))", []any{zone}
	case Ranges:
		cases := ""
		for i, s := range a.Spans {
			cases += " WHEN v IS NOT NULL"
			if s.From != nil {
				cases, args = cases+" AND v >= ?::DOUBLE", append(args, *s.From)
			}
			if s.To != nil {
				cases, args = cases+" AND v < ?::DOUBLE", append(args, *s.To)
			}
			cases += " THEN " + strconv.Itoa(i)
		}
		// The field is named once only: it may be dear to read.
		return "list_transform([" + a.Field.asNumber().field.sql + "], lambda v: CASE" + cases + " END)[1]", args
	}
	return a.Field.field.sql, nil
}

// metric adds the numbers of a, the aggregate of an index.
func (st *grouping) metric(owner int, a Agg) error {
	f := a.Field
	if a.What != Cardinality && a.What != ValueCount {
		if f = f.asNumber(); f.Kind != Number {
			return a.noNumber()
		}
	}
	column := "m" + strconv.Itoa(len(st.metrics))
	st.column(column, f.field.sql, f)
	m := metric{owner: owner, numbers: 1, sql: strings.ReplaceAll(metricFunctions[a.What], "%s", column)}
	if a.What == Percentiles {
		parts := make([]string, len(a.Percents))
		for j, p := range a.Percents {
			parts[j] = strconv.FormatFloat(p/100, 'f', -1, 64)
		}
		m.numbers, m.sql = len(parts), "quantile_cont("+column+"::DOUBLE, ["+strings.Join(parts, ", ")+"])"
	}
	st.metrics = append(st.metrics, m)
	return nil
}

func (a Agg) noNumber() error {
	return fmt.Errorf("%w: aggs.%s: %s needs a field of numbers, %q is none", ErrQuestion, a.Name, a.What, a.Field.Name)
}

// rank says in which order the buckets of a come, and how many there are at most.
func (st *grouping) rank(a Agg) (rank string, size int, err error) {
	key := "k" + strconv.Itoa(len(st.path)-1)
	if a.What != Terms {
		if a.What == Ranges && a.Field.asNumber().Kind != Number {
			return "", 0, a.noNumber()
		}
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
		if sub.Name == a.Order.By && !sub.buckets() && sub.What != Percentiles {
			if err := st.metric(i, sub); err != nil {
				return "", 0, err
			}
			return "v0" + direction + " NULLS LAST, " + key, a.Size, nil
		}
	}
	return "", 0, fmt.Errorf("%w: aggs.%s.terms.order: %q is none of _count, _key and the aggregates of one value below", ErrQuestion, a.Name, a.Order.By)
}

// run calls row for each bucket: the best ones of each parent.
func (st *grouping) run(ctx context.Context, rank string, size, limit int, row func(keys []any, docs, parentDocs int64, values []*float64)) error {
	keys := make([]string, len(st.path))
	for i := range keys {
		keys[i] = "k" + strconv.Itoa(i)
	}
	parent := "1"
	if len(keys) > 1 {
		parent = strings.Join(keys[:len(keys)-1], ", ")
	}
	marks := map[string]string{"fields": strings.Join(append([]string{"1 AS one"}, st.columns...), ", "), "keys": "", "group": "one", "known": "true", "parent": parent, "rank": rank, "metrics": ""}
	if n := len(keys); n > 0 {
		marks["keys"], marks["group"], marks["known"] = strings.Join(keys, ", ")+",", strings.Join(keys, ", "), st.known.sql
	}
	for i, m := range st.metrics {
		marks["metrics"] += ", " + m.sql + " AS v" + strconv.Itoa(i)
	}
	from := st.filter.tables(st.where.body || st.body)
	q := from.build("buckets", marks, st.where, st.args, slices.Concat(st.known.args, []any{size, limit}))
	found := 0
	err := query(ctx, st.tx, q, func(rows *sql.Rows) error {
		found++
		n := len(keys)
		cells := make([]any, n+1+len(st.metrics)+1)
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read buckets: %w", err)
		}
		for i, l := range st.path {
			cells[i] = keyValue(l.agg, cells[i])
		}
		var values []*float64
		for i, m := range st.metrics {
			values = appendNumbers(values, cells[n+1+i], m.numbers)
		}
		row(cells[:n:n], whole(cells[n]), whole(cells[len(cells)-1]), values)
		return nil
	})
	if err == nil && found == limit {
		return errTooMany
	}
	return err
}
