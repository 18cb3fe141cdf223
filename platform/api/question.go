package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
)

const (
	kindAnalysis  = "analysis"
	kindFunnel    = "funnel"
	kindRetention = "retention"
)

// Question is a whole question: what a link, a chart and an embedded page hold.
type Question struct {
	Kind      string           `json:"kind" enum:"analysis,funnel,retention" doc:"Numbers by groups, steps one after the other, or how many come back." example:"analysis"`
	From      string           `json:"from" required:"false" maxLength:"64" doc:"Begin of the range, inclusive: RFC 3339, or relative to now (-15m, -7d). Left out it is a day before the end. At most 400 days." example:"-7d"`
	To        string           `json:"to" required:"false" maxLength:"64" doc:"End of the range, exclusive: RFC 3339, relative, or now." example:"now"`
	Filters   []QuestionFilter `json:"filters" required:"false" nullable:"false" doc:"Which calls count: those for which all hold. At most 30."`
	Metrics   []string         `json:"metrics" required:"false" nullable:"false" doc:"Analysis: 1 to 6 of count, users, companies, errors, error_rate, refused, refused_rate, p50 to p99 (of the duration in milliseconds, or p95:FIELD), sum:FIELD, avg:FIELD, min:FIELD, max:FIELD. Left out it is count." example:"[\"count\",\"p95\",\"sum:request.body.amount\"]"`
	Groups    []string         `json:"groups" required:"false" nullable:"false" doc:"Analysis: up to 3 fields to group by." example:"[\"company_id\"]"`
	OverTime  bool             `json:"over_time" required:"false" doc:"Analysis: whether to divide the range into intervals." example:"true"`
	Interval  string           `json:"interval" required:"false" maxLength:"16" doc:"Analysis over time: length of the intervals, as 5m, 1h, 1d. Left out one is chosen that gives about 60 to 120 points." example:"1h"`
	Compare   bool             `json:"compare" required:"false" doc:"Analysis: whether to add the values of the range of equal length just before." example:"true"`
	Order     string           `json:"order" required:"false" maxLength:"300" doc:"Analysis: which of the metrics sorts the groups. Left out it is the first." example:"count"`
	Ascending bool             `json:"ascending" required:"false" doc:"Analysis: whether the smallest stand first." example:"false"`
	Limit     int              `json:"limit" required:"false" minimum:"0" maximum:"1000" doc:"Analysis: how many groups; 20 when left out, 8 over time, where 50 are possible." example:"20"`
	By        string           `json:"by" required:"false" enum:"user,company," doc:"Funnel and retention: who takes the steps, or comes back. Left out it is user." example:"company"`
	Start     string           `json:"start" required:"false" enum:"any,first," doc:"Funnel: any begins at any call that fits the first step; first counts only customers who were seen for the first time within the range. Left out it is any." example:"first"`
	Within    string           `json:"within" required:"false" maxLength:"16" doc:"Funnel: how long the whole way may take. Left out it is 7d." example:"7d"`
	Steps     []QuestionStep   `json:"steps" required:"false" nullable:"false" doc:"Funnel: 2 to 8 steps; left out they are the first call and the first success. One call may be several steps."`
	Weeks     int              `json:"weeks" required:"false" minimum:"0" maximum:"52" doc:"Retention: how many weekly cohorts. Left out they are 8." example:"8"`
	Return    []QuestionFilter `json:"return" required:"false" nullable:"false" doc:"Retention: which calls are a coming back. Left out it is any."`
	Chart     string           `json:"chart" required:"false" enum:"line,stacked,bar,table," doc:"How the console draws it." example:"line"`
}

// QuestionFilter compares a field with values.
type QuestionFilter struct {
	Field  string   `json:"field" maxLength:"256" doc:"A column (user_id, company_id, route, verb, status, status_class, failed, duration_ms, ip, …: see /api/v1/analytics/fields), or request.headers.NAME, response.headers.NAME, request.body.PATH, response.body.PATH, metadata.PATH." example:"request.headers.X-Plan"`
	Op     string   `json:"op" maxLength:"16" doc:"is, is_not, contains, not_contains, starts_with, ends_with (one of the values must fit, none with a not), gt, gte, lt, lte (one number), exists, missing (no value)." example:"is"`
	Values []string `json:"values" required:"false" nullable:"false" doc:"What to compare with: at most 100 values of 4096 bytes." example:"[\"pro\"]"`
}

// QuestionStep is a step of a funnel.
type QuestionStep struct {
	Name    string           `json:"name" required:"false" maxLength:"200" doc:"Name for people." example:"First success"`
	Filters []QuestionFilter `json:"filters" required:"false" nullable:"false" doc:"Which calls are this step: those for which all hold; any call without."`
}

// parseQuestion reads what stands in an address. Members that are not known are
// refused: a filter must not be lost to a slip of the pen.
func parseQuestion(text string) (q Question, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, unprocessable("query.question", "must be a question in JSON: "+readable(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return q, unprocessable("query.question", "must be one JSON object")
	}
	return q, nil
}

// readable says where a document is wrong in the words of the document.
func readable(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return kind.Field + " must not be a " + kind.Value
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// document is the question as it is kept: with lists where it has none.
func (q Question) document() (json.RawMessage, error) {
	q.Filters, q.Metrics, q.Groups, q.Return = orNone(q.Filters), orNone(q.Metrics), orNone(q.Groups), orNone(q.Return)
	q.Steps = orNone(slices.Clone(q.Steps))
	for i := range q.Steps {
		q.Steps[i].Filters = orNone(q.Steps[i].Filters)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(q); err != nil {
		return nil, fmt.Errorf("question: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// withDefaults fills in what was left out, and lists instead of nothing.
func (q Question) withDefaults() Question {
	if q.Kind == kindAnalysis && len(q.Metrics) == 0 {
		q.Metrics = []string{"count"}
	}
	if q.By == "" {
		q.By = events.ByUser
	}
	if q.Start == "" {
		q.Start = events.StartAny
		if len(q.Steps) == 0 {
			q.Start = events.StartFirst
		}
	}
	if q.Within == "" {
		q.Within = "7d"
	}
	if q.Kind == kindFunnel && len(q.Steps) == 0 {
		q.Steps = []QuestionStep{
			{Name: "First call"},
			{Name: "First success", Filters: []QuestionFilter{{Field: "failed", Op: "is", Values: []string{"false"}}}},
		}
	}
	if q.Weeks == 0 {
		q.Weeks = 8
	}
	return q
}

// check tells what is wrong with a question without asking it.
func (q Question) check(app string, now time.Time) error {
	q = q.withDefaults()
	switch q.Kind {
	case kindAnalysis:
		_, err := q.analysis(app, now)
		return err
	case kindFunnel:
		_, err := q.funnel(app, now)
		return err
	case kindRetention:
		_, err := q.retention(app, now)
		return err
	}
	return unprocessable("question.kind", fmt.Sprintf("must be analysis, funnel or retention (got %q)", q.Kind))
}

func (q Question) span(now time.Time) (span, error) { return parseSpan(q.From, q.To, now, usageRange) }

func (q Question) analysis(app string, now time.Time) (events.Analysis, error) {
	in, err := q.span(now)
	if err != nil {
		return events.Analysis{}, err
	}
	interval, err := parseDuration(q.Interval)
	if err != nil {
		return events.Analysis{}, unprocessable("question.interval", err.Error())
	}
	a := events.Analysis{
		App: app, From: in.from, To: in.to, Filters: filtersOf(q.Filters), Groups: q.Groups, OverTime: q.OverTime, Interval: interval,
		Compare: q.Compare, Ascending: q.Ascending, Limit: q.Limit,
	}
	for _, text := range q.Metrics {
		m, err := events.ParseMetric(text)
		if err != nil {
			return a, err
		}
		a.Metrics = append(a.Metrics, m)
	}
	if q.Order != "" {
		if a.Order = slices.Index(q.Metrics, q.Order); a.Order < 0 {
			return a, unprocessable("question.order", "must be one of the metrics")
		}
	}
	return a, a.Check()
}

func (q Question) funnel(app string, now time.Time) (events.Funnel, error) {
	in, err := q.span(now)
	if err != nil {
		return events.Funnel{}, err
	}
	within, err := parseDuration(q.Within)
	if err != nil {
		return events.Funnel{}, unprocessable("question.within", err.Error())
	}
	f := events.Funnel{App: app, From: in.from, To: in.to, By: q.By, Start: q.Start, Within: within, Filters: filtersOf(q.Filters)}
	for _, step := range q.Steps {
		f.Steps = append(f.Steps, events.Step{Name: step.Name, Filters: filtersOf(step.Filters)})
	}
	return f, f.Check()
}

func (q Question) retention(app string, now time.Time) (events.Retention, error) {
	in, err := q.span(now)
	if err != nil {
		return events.Retention{}, err
	}
	r := events.Retention{App: app, To: in.to, Weeks: q.Weeks, By: q.By, Filters: filtersOf(q.Filters), Return: filtersOf(q.Return)}
	return r, r.Check()
}

func filtersOf(list []QuestionFilter) []events.FieldFilter {
	out := make([]events.FieldFilter, len(list))
	for i, f := range list {
		out[i] = events.FieldFilter(f)
	}
	return out
}
