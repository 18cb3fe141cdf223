package events

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// source is where an analysis reads: a statement with the columns k1, k2, k3 and
// bucket, and what its metrics are made of.
type source struct {
	sql     string
	args    []any
	rollups bool
}

// source takes the rollups when they can answer, else the events.
func (q *prepared) source(ctx context.Context, tx *sql.Tx, interval time.Duration) (source, error) {
	if f, by, users, ok := q.asFilter(); ok {
		h, ok, err := f.hits(ctx, tx, by, interval, users)
		if err != nil {
			return source{}, err
		}
		if ok {
			marks := map[string]string{"hits": h.sql}
			s := build("analysis_rollups", marks, condition{}, h.args, nil)
			return source{sql: s.sql, args: s.args, rollups: true}, nil
		}
	}
	return q.events(interval), nil
}

// filterKeys are the fields that the store's own questions know.
var filterKeys = map[string]string{"user_id": ByUser, "company_id": ByCompany, "route": ByRoute, "status": ByStatus, "verb": ByVerb}

// rolledMetrics are those that rollups have; quantiles they have of durations.
var rolledMetrics = []string{"count", "users", "companies", "errors", "error_rate"}

// asFilter puts the question into the words of Filter, as far as they go.
func (q *prepared) asFilter() (f Filter, by string, users, ok bool) {
	f = Filter{App: q.App, From: q.From, To: q.To}
	if len(q.Groups) > 1 {
		return f, "", false, false
	}
	if len(q.Groups) == 1 {
		if by, ok = filterKeys[q.Groups[0]]; !ok {
			return f, "", false, false
		}
	}
	for i, m := range q.Metrics {
		_, quantile := quantileKinds[m.Kind]
		quantile = quantile && (m.Field == "" || m.Field == "duration_ms")
		if !quantile && !slices.Contains(rolledMetrics, m.Kind) || quantile && i == q.Order && len(q.Groups) > 0 {
			return f, "", false, false
		}
		users = users || m.Kind == "users" || m.Kind == "companies"
	}
	for _, one := range q.Filters {
		var into *string
		switch one.Field {
		case "user_id":
			into = &f.UserID
		case "company_id":
			into = &f.CompanyID
		case "route":
			into = &f.Route
		case "verb":
			into = &f.Verb
		case "status":
			into = &f.Status
		}
		if one.Op != "is" || len(one.Values) != 1 || one.Values[0] == "" || into == nil || *into != "" {
			return f, "", false, false
		}
		*into = one.Values[0]
	}
	if _, err := f.condition(); err != nil { // a status of 404.0 is a number, but no status
		return f, "", false, false
	}
	return f, by, users, true
}

// events reads single events, with their bodies where these are asked about.
func (q *prepared) events(interval time.Duration) source {
	var s source
	columns := make([]string, 0, 8)
	for i := range maxKeys {
		if i < len(q.keys) {
			columns = append(columns, q.keys[i].text()+" AS "+ordinal("k", i))
			s.args = append(s.args, q.keys[i].args...)
		} else {
			columns = append(columns, "'' AS "+ordinal("k", i))
		}
	}
	bucket := "0::BIGINT"
	if interval > 0 {
		bucket = "epoch_us(e.time) // ?"
		s.args = append(s.args, interval.Microseconds())
	}
	columns = append(columns, bucket+" AS bucket")
	for i, f := range q.fields {
		if f.sql != "" {
			columns = append(columns, f.value()+" AS "+ordinal("m", i))
			s.args = append(s.args, f.args...)
		}
	}
	b := eventsOf(q.App, q.From, q.To, q.body, strings.Join(columns, ",\n        "), q.where, s.args)
	return source{sql: b.sql, args: b.args}
}

// eventsOf selects columns of events e, and of their bodies b when body is set.
func eventsOf(app string, from, to time.Time, body bool, columns string, where condition, before []any) question {
	between := []any{app, micros(from), micros(to)}
	args := append(slices.Clone(before), between...)
	name := "analysis_events"
	if body {
		name = "analysis_bodies"
		args = append(args, between...)
	}
	return build(name, map[string]string{"columns": columns}, where, args, nil)
}

// metrics returns the expressions of the metrics, and of the letters of
// durations from which rollups' quantiles are read, "" where there are none.
func (q *prepared) metrics(rollups bool) (expressions []string, letters string) {
	for i, m := range q.Metrics {
		x := ordinal("m", i)
		fits := " FILTER (WHERE abs(" + x + ") < 1e200)" // neither infinite nor no number
		quantile, isQuantile := quantileKinds[m.Kind]
		e := ""
		switch {
		case rollups && isQuantile:
			e, letters = "NULL", "string_agg(durations, '')"
		case isQuantile:
			e = fmt.Sprintf("quantile_disc(%s, %g)%s", x, quantile, fits)
		case m.Kind == "sum":
			e = "sum(" + x + " * weight)" + fits
		case m.Kind == "avg":
			e = "sum(" + x + " * weight)" + fits + " / sum(weight)" + fits
		case m.Kind == "min" || m.Kind == "max":
			e = m.Kind + "(" + x + ")" + fits
		default:
			e = countMetrics[m.Kind]
		}
		expressions = append(expressions, "("+e+")::DOUBLE AS "+ordinal("v", i))
	}
	return expressions, letters
}

// countMetrics are those without a field.
var countMetrics = map[string]string{
	"count":        "coalesce(sum(weight), 0)",
	"users":        "count(DISTINCT nullif(user_id, ''))",
	"companies":    "count(DISTINCT nullif(company_id, ''))",
	"errors":       "coalesce(sum(errors), 0)",
	"error_rate":   "sum(errors) / sum(weight)",
	"refused":      "coalesce(sum(refusals), 0)",
	"refused_rate": "sum(refusals) / sum(weight)",
}

// table returns the lines of q, sorted.
func (q *prepared) table(ctx context.Context, tx *sql.Tx, of prepared, limit, offset int) (lines []Line, err error) {
	s, err := of.source(ctx, tx, 0)
	if err != nil {
		return nil, err
	}
	expressions, letters := of.metrics(s.rollups)
	order := ordinal("v", q.Order) + " DESC NULLS LAST"
	if q.Ascending {
		order = ordinal("v", q.Order) + " ASC NULLS LAST"
	}
	marks := map[string]string{"hits": s.sql, "metrics": strings.Join(expressions, ", "), "letters": orNull(letters), "order": order}
	err = query(ctx, tx, build("analysis_table", marks, condition{}, s.args, []any{limit, offset}), func(rows *sql.Rows) error {
		var keys [maxKeys]string
		values, err := of.scan(rows, &keys[0], &keys[1], &keys[2])
		lines = append(lines, Line{Keys: slices.Clone(keys[:len(of.keys)]), Values: values})
		return err
	})
	return lines, err
}

func orNull(expression string) string {
	if expression == "" {
		return "NULL"
	}
	return expression
}

// points calls put for every line and interval that has calls; what is in none
// of the lines has the index behind the last.
func (q *prepared) points(ctx context.Context, tx *sql.Tx, interval time.Duration, lines []Line, put func(line int, bucket int64, values []*float64) error) error {
	if len(lines) == 0 {
		return nil
	}
	s, err := q.source(ctx, tx, interval)
	if err != nil {
		return err
	}
	expressions, letters := q.metrics(s.rollups)
	rowsOf := make([]string, len(lines))
	args := slices.Clone(s.args)
	for i, line := range lines {
		rowsOf[i] = "(?, ?, ?, ?)"
		args = append(args, i)
		for k := range maxKeys {
			key := ""
			if k < len(q.keys) {
				key = line.Keys[k]
			}
			args = append(args, key)
		}
	}
	marks := map[string]string{"hits": s.sql, "chosen": strings.Join(rowsOf, ", "), "metrics": strings.Join(expressions, ", "), "letters": orNull(letters)}
	return query(ctx, tx, build("analysis_points", marks, condition{}, args, []any{len(lines)}), func(rows *sql.Rows) error {
		var line int
		var bucket int64
		values, err := q.scan(rows, &line, &bucket)
		if err != nil {
			return err
		}
		return put(line, bucket, values)
	})
}

// scan reads a row: what is before the metrics, and the metrics.
func (q *prepared) scan(rows *sql.Rows, before ...any) ([]*float64, error) {
	read := make([]sql.NullFloat64, len(q.Metrics))
	var letters nullText
	into := before
	for i := range read {
		into = append(into, &read[i])
	}
	if err := rows.Scan(append(into, &letters)...); err != nil {
		return nil, fmt.Errorf("read analysis: %w", err)
	}
	values := make([]*float64, len(read))
	var d *durations
	for i, v := range read {
		if v.Valid && !math.IsInf(v.Float64, 0) && !math.IsNaN(v.Float64) {
			values[i] = &read[i].Float64
		}
		if quantile, ok := quantileKinds[q.Metrics[i].Kind]; ok && letters != "" {
			if d == nil {
				d = new(durations)
				d.reset(string(letters))
			}
			values[i] = d.quantile(quantile)
		}
	}
	return values, nil
}
