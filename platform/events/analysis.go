package events

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of an analysis.
const (
	MaxAnalysisRange = 400 * day
	maxMetrics       = 6
	maxKeys          = 3       // fields to group by
	maxLines         = 1000    // of a table
	maxSeriesLines   = 50      // over time
	maxCells         = 40_000  // values over time, of all lines
	maxPaged         = 100_000 // lines that paging goes through
	defaultLines     = 20
	defaultInSeries  = 8
)

// Metric is a number about calls. Numbers of fields are taken by the weight of
// their call, quantiles are not.
type Metric struct {
	Kind  string // one of MetricKinds
	Field string // of sum, avg, min, max and the quantiles; these take duration_ms when it is ""
}

// MetricKinds are the kinds of metrics. count is the number of calls, the sum of
// weights; error_rate and refused_rate are 0 to 1.
var MetricKinds = []string{"count", "users", "companies", "errors", "error_rate", "refused", "refused_rate", "p50", "p75", "p90", "p95", "p99", "sum", "avg", "min", "max"}

var quantileKinds = map[string]float64{"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}

// ParseMetric reads "count", or "sum:FIELD".
func ParseMetric(s string) (Metric, error) {
	kind, name, _ := strings.Cut(s, ":")
	m := Metric{Kind: kind, Field: name}
	_, err := m.parse()
	return m, err
}

func (m Metric) parse() (field, error) {
	if !slices.Contains(MetricKinds, m.Kind) {
		return field{}, fmt.Errorf("%w: metric: must be one of %s (got %q)", ErrQuestion, strings.Join(MetricKinds, ", "), m.Kind)
	}
	ofField := m.Kind == "sum" || m.Kind == "avg" || m.Kind == "min" || m.Kind == "max"
	switch {
	case quantileKinds[m.Kind] > 0 && m.Field == "":
		return parseField("duration_ms")
	case ofField && m.Field == "":
		return field{}, fmt.Errorf("%w: metric: %s needs a field, as in %s:response_bytes", ErrQuestion, m.Kind, m.Kind)
	case ofField || quantileKinds[m.Kind] > 0:
		return parseField(m.Field)
	case m.Field != "":
		return field{}, fmt.Errorf("%w: metric: %s takes no field (got %q)", ErrQuestion, m.Kind, m.Field)
	}
	return field{}, nil
}

// String is the inverse of ParseMetric.
func (m Metric) String() string {
	if m.Field == "" {
		return m.Kind
	}
	return m.Kind + ":" + m.Field
}

// Analysis is a question in the words of fields and metrics.
type Analysis struct {
	App       string
	From, To  time.Time // both are required, at most MaxAnalysisRange apart
	Filters   []FieldFilter
	Metrics   []Metric      // 1 to 6
	Groups    []string      // fields, at most 3
	OverTime  bool          // a value for each interval; otherwise a table
	Interval  time.Duration // whole seconds; 0 is ChooseInterval's
	Compare   bool          // with the range of equal length just before
	Order     int           // index of the metric that the lines are sorted by
	Ascending bool          // the smallest first
	Limit     int           // lines: 20 when 0, or 8 over time; at most 1000, or 50
	Cursor    string        // the Next of the table before: it also fixes the range
}

// Line is the values of one group, in the order of the metrics; nil where there
// is nothing to take a value of.
type Line struct {
	Keys   []string // of Groups; "" where the event had none
	Others bool     // what is in no other line; over time only
	Values []*float64
	Before []*float64 // nil without Compare
	// Points and PointsBefore are over time only: by interval, then by metric.
	Points, PointsBefore [][]*float64
}

// Answer of an analysis.
type Answer struct {
	From, To time.Time
	Interval time.Duration
	Times    []time.Time // begins of the intervals
	Total    Line
	Lines    []Line
	Next     string // cursor of what follows in a table, "" at its end
	Rollups  bool   // whether it was added up from rollups; quantiles are within 2 % then
}

// Analyse answers. Errors that wrap ErrQuestion say what to ask differently.
func (s *Store) Analyse(ctx context.Context, a Analysis) (Answer, error) {
	q, err := a.prepare()
	if err != nil {
		return Answer{}, err
	}
	out := Answer{From: q.From, To: q.To}
	if q.OverTime {
		out.Interval = q.Interval
		out.Times = axis(q.From, q.To, q.Interval)
	}
	err = s.snapshot(ctx, func(tx *sql.Tx) error { return q.answer(ctx, tx, &out) })
	return out, err
}

// Check tells what is wrong with a question, wrapped in ErrQuestion.
func (a Analysis) Check() error {
	_, err := a.prepare()
	return err
}

// prepared is an analysis that can be asked.
type prepared struct {
	Analysis
	offset int
	fields []field // of the metrics; without sql where a metric has none
	keys   []field
	where  condition // of the filters
	body   bool      // whether bodies are read
}

func (a Analysis) prepare() (q prepared, err error) {
	q.Analysis = a
	if q.Limit == 0 {
		q.Limit = defaultLines
		if q.OverTime {
			q.Limit = defaultInSeries
		}
	}
	if err := q.readCursor(); err != nil {
		return q, err
	}
	if err := q.bounds(); err != nil {
		return q, err
	}
	for _, m := range q.Metrics {
		f, err := m.parse()
		if err != nil {
			return q, err
		}
		q.fields, q.body = append(q.fields, f), q.body || f.body
	}
	for _, name := range q.Groups {
		f, err := parseField(name)
		if err != nil {
			return q, err
		}
		q.keys, q.body = append(q.keys, f), q.body || f.body
	}
	q.where, err = conditionOf(q.Filters)
	q.body = q.body || q.where.body
	return q, err
}

// conditionOf joins filters.
func conditionOf(filters []FieldFilter) (c condition, err error) {
	if len(filters) > maxFilters {
		return c, fmt.Errorf("%w: filters: at most %d (got %d)", ErrQuestion, maxFilters, len(filters))
	}
	for _, f := range filters {
		if err := f.add(&c); err != nil {
			return c, err
		}
	}
	if c.sql == "" {
		c.sql = "true"
	}
	return c, nil
}

func (q *prepared) bounds() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrQuestion}, args...)...)
	}
	if err := checkRange(q.App, q.From, q.To); err != nil {
		return err
	}
	most := maxLines
	if q.OverTime {
		most = maxSeriesLines
	}
	switch {
	case len(q.Metrics) == 0 || len(q.Metrics) > maxMetrics:
		return bad("metric: 1 to %d (got %d)", maxMetrics, len(q.Metrics))
	case len(q.Groups) > maxKeys:
		return bad("group: at most %d fields (got %d)", maxKeys, len(q.Groups))
	case q.Order < 0 || q.Order >= len(q.Metrics):
		return bad("order: must be one of the metrics")
	case q.Limit < 1 || q.Limit > most:
		return bad("limit: must be 1 to %d (got %d)", most, q.Limit)
	case q.Interval < 0 || q.Interval%time.Second != 0:
		return bad("interval: must be a number of whole seconds (got %s)", q.Interval)
	case !q.OverTime:
		return nil
	}
	if q.Interval == 0 {
		q.Interval = ChooseInterval(q.To.Sub(q.From))
	}
	if n := int(min(q.To.Sub(q.From)/q.Interval+2, maxCells)); n > maxPoints || n*(q.Limit+1)*len(q.Metrics) > maxCells {
		return bad("interval: %s cuts the range into %d points; at most %d points, and %d values in all, are possible: make it longer, or ask for fewer groups or metrics", q.Interval, n, maxPoints, maxCells)
	}
	return nil
}

func checkRange(app string, from, to time.Time) error {
	switch {
	case app == "":
		return fmt.Errorf("%w: app: must not be empty", ErrQuestion)
	case from.IsZero() || to.IsZero() || !from.Before(to):
		return fmt.Errorf("%w: from: must be before to", ErrQuestion)
	case to.Sub(from) > MaxAnalysisRange:
		return fmt.Errorf("%w: from: the range must not be longer than %d days", ErrQuestion, MaxAnalysisRange/day)
	}
	return nil
}

// axis returns the begins of the intervals that a range touches.
func axis(from, to time.Time, interval time.Duration) []time.Time {
	s := Series{From: from, To: to, Interval: interval}
	first, count := s.buckets()
	times := make([]time.Time, count)
	for i := range times {
		times[i] = time.UnixMicro((first + int64(i)) * interval.Microseconds()).UTC()
	}
	return times
}

// before is the same question about the range before.
func (q prepared) before() prepared {
	length := q.To.Sub(q.From)
	q.From, q.To = q.From.Add(-length), q.From
	return q
}

func (q *prepared) answer(ctx context.Context, tx *sql.Tx, out *Answer) error {
	src, err := q.source(ctx, tx, 0)
	if err != nil {
		return err
	}
	out.Rollups = src.rollups
	total, err := q.table(ctx, tx, *q.total(), 1, 0)
	if err != nil {
		return err
	}
	if out.Total = q.nothing(); len(total) > 0 {
		out.Total = total[0]
	}
	if len(q.keys) == 0 {
		out.Lines = []Line{out.Total}
	} else if out.Lines, err = q.table(ctx, tx, *q, q.Limit+1, q.offset); err != nil {
		return err
	}
	more := len(out.Lines) > q.Limit
	if more {
		out.Lines = out.Lines[:q.Limit]
	}
	if q.OverTime {
		return q.overTime(ctx, tx, out, more)
	}
	if more {
		out.Next = q.next()
	}
	if !q.Compare {
		return nil
	}
	b := q.before()
	if err := b.compare(ctx, tx, out.Lines); err != nil {
		return err
	}
	if len(q.keys) == 0 {
		out.Total = out.Lines[0]
		return nil
	}
	of := []Line{out.Total}
	err = b.total().compare(ctx, tx, of)
	out.Total = of[0]
	return err
}

// nothing is a line without calls: counts are 0 then.
func (q *prepared) nothing() Line {
	l := Line{Keys: []string{}, Values: make([]*float64, len(q.Metrics))}
	for i, m := range q.Metrics {
		if countMetrics[m.Kind] != "" && !strings.HasSuffix(m.Kind, "_rate") {
			l.Values[i] = new(float64)
		}
	}
	return l
}

// total is the same question without groups.
func (q *prepared) total() *prepared {
	t := *q
	t.keys, t.Groups = nil, nil
	return &t
}

// compare puts q's values, one for a whole range, beside those of the lines.
func (q *prepared) compare(ctx context.Context, tx *sql.Tx, lines []Line) error {
	for i := range lines {
		lines[i].Before = make([]*float64, len(q.Metrics))
	}
	return q.points(ctx, tx, 0, lines, func(line int, _ int64, values []*float64) error {
		if line < len(lines) {
			lines[line].Before = values
		}
		return nil
	})
}

// overTime fills in the points, and a line for the others if there are any.
func (q *prepared) overTime(ctx context.Context, tx *sql.Tx, out *Answer, others bool) error {
	if others {
		out.Lines = append(out.Lines, Line{Keys: make([]string, len(q.keys)), Others: true, Values: make([]*float64, len(q.Metrics))})
	}
	n := len(out.Lines)
	for i := range n {
		out.Lines[i].Points = emptyPoints(len(out.Times), len(q.Metrics))
	}
	known := out.Lines
	if others {
		known = known[:n-1]
	}
	first := micros(q.From) / q.Interval.Microseconds()
	err := q.points(ctx, tx, q.Interval, known, func(line int, bucket int64, values []*float64) error {
		if i := bucket - first; line < n && i >= 0 && i < int64(len(out.Times)) {
			out.Lines[line].Points[i] = values
		}
		return nil
	})
	if err != nil || !q.Compare {
		return err
	}
	return q.overTimeBefore(ctx, tx, out, known)
}

func (q *prepared) overTimeBefore(ctx context.Context, tx *sql.Tx, out *Answer, known []Line) error {
	b := q.before()
	for i := range out.Lines {
		out.Lines[i].PointsBefore = emptyPoints(len(out.Times), len(q.Metrics))
		out.Lines[i].Before = make([]*float64, len(q.Metrics))
	}
	firstBefore := micros(b.From) / q.Interval.Microseconds()
	err := b.points(ctx, tx, q.Interval, known, func(line int, bucket int64, values []*float64) error {
		if i := bucket - firstBefore; line < len(out.Lines) && i >= 0 && i < int64(len(out.Times)) {
			out.Lines[line].PointsBefore[i] = values
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.compare(ctx, tx, known); err != nil {
		return err
	}
	of := []Line{out.Total}
	err = b.total().compare(ctx, tx, of)
	out.Total = of[0]
	return err
}

func emptyPoints(times, metrics int) [][]*float64 {
	points := make([][]*float64, times)
	for i := range points {
		points[i] = make([]*float64, metrics)
	}
	return points
}

func ordinal(prefix string, i int) string { return prefix + strconv.Itoa(i+1) }
