package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
)

// QuestionAnswer is the answer to a question; of its last three members there is
// the one of the question's kind.
type QuestionAnswer struct {
	Kind      string           `json:"kind" doc:"The question's kind." example:"analysis"`
	From      time.Time        `json:"from" doc:"Begin of the range." example:"2026-11-21T10:00:00Z"`
	To        time.Time        `json:"to" doc:"End of the range." example:"2026-11-22T10:00:00Z"`
	Analysis  *AnalysisAnswer  `json:"analysis,omitempty" doc:"Numbers by groups."`
	Funnel    *FunnelAnswer    `json:"funnel,omitempty" doc:"How many customers took each step."`
	Retention *RetentionAnswer `json:"retention,omitempty" doc:"How many customers of each week came back."`
}

// AnalysisAnswer is numbers by groups.
type AnalysisAnswer struct {
	Metrics         []string       `json:"metrics" nullable:"false" doc:"What the values are, in their order." example:"[\"count\"]"`
	Groups          []string       `json:"groups" nullable:"false" doc:"What the keys are, in their order." example:"[\"company_id\"]"`
	IntervalSeconds int64          `json:"interval_seconds" doc:"Length of the intervals; 0 of a table." example:"3600"`
	Times           []time.Time    `json:"times" nullable:"false" doc:"Begins of the intervals; empty of a table." example:"[\"2026-11-21T10:00:00Z\"]"`
	Total           AnalysisLine   `json:"total" doc:"Of all calls, also of the groups that are not returned."`
	Lines           []AnalysisLine `json:"lines" nullable:"false" doc:"One for each group, sorted; without groups there is one."`
	Next            string         `json:"next" doc:"Cursor of the next page of a table; empty at its end." example:""`
	Rollups         bool           `json:"rollups" doc:"Whether the answer was added up from rollups; percentiles are within 2 % then." example:"true"`
}

// AnalysisLine is the values of one group.
type AnalysisLine struct {
	Keys         []string     `json:"keys" nullable:"false" doc:"What the calls have in common; empty where they had none." example:"[\"acme\"]"`
	Others       bool         `json:"others" doc:"Whether this line stands for all further groups; over time only." example:"false"`
	Values       []*float64   `json:"values" nullable:"false" doc:"By metric; null where there is nothing to take a value of." example:"[1200]"`
	Before       []*float64   `json:"before" doc:"The same of the range before; null when it was not asked for." example:"[900]"`
	Points       [][]*float64 `json:"points" doc:"By interval, then by metric; null of a table." example:"[[12]]"`
	PointsBefore [][]*float64 `json:"points_before" doc:"The same of the range before." example:"[[9]]"`
}

// FunnelAnswer is how many customers took each step.
type FunnelAnswer struct {
	Steps []FunnelStep `json:"steps" nullable:"false" doc:"In their order."`
}

// FunnelStep is a step of a funnel.
type FunnelStep struct {
	Name          string   `json:"name" doc:"Name for people." example:"First success"`
	Customers     int64    `json:"customers" doc:"How many came here." example:"42"`
	Share         float64  `json:"share" doc:"Of those who took the first step, 0 to 1." example:"0.5"`
	MedianSeconds *float64 `json:"median_seconds" doc:"How long half of them took at most, from the first step; null for the first and where nobody came." example:"312.5"`
}

// RetentionAnswer is how many customers came back.
type RetentionAnswer struct {
	Cohorts []RetentionCohort `json:"cohorts" nullable:"false" doc:"One for each week, the oldest first."`
}

// RetentionCohort is the customers that were seen first in one week.
type RetentionCohort struct {
	Week      time.Time `json:"week" doc:"Monday of the week, UTC." example:"2026-11-16T00:00:00Z"`
	Customers int64     `json:"customers" doc:"How many were seen for the first time of all in this week." example:"30"`
	Active    []int64   `json:"active" nullable:"false" doc:"How many of them called in this week, in the next one, and so on." example:"[30,21,18]"`
}

// Asked is a question in an address.
type Asked struct {
	OfApp
	Question string `query:"question" required:"true" maxLength:"16384" doc:"The question as JSON: see the schema Question." example:"{\"kind\":\"analysis\",\"from\":\"-7d\",\"metrics\":[\"count\"],\"groups\":[\"company_id\"]}"`
}

type analyticsRequest struct {
	Asked
	Cursor string `query:"cursor" maxLength:"1024" doc:"The member next of the page before; the question must be the same." example:""`
}

type questionAnswer struct{ Body QuestionAnswer }

type fieldsAnswer struct {
	Body struct {
		Fields   []string `json:"fields" nullable:"false" doc:"Columns to filter and group by." example:"[\"company_id\"]"`
		Prefixes []string `json:"prefixes" nullable:"false" doc:"What a field in a document begins with." example:"[\"request.headers.\"]"`
		Metrics  []string `json:"metrics" nullable:"false" doc:"Kinds of metrics." example:"[\"count\"]"`
		Ops      []string `json:"ops" nullable:"false" doc:"Operators of filters." example:"[\"is\"]"`
	}
}

func (a *api) addAnalytics() {
	tags := []string{"analytics"}
	errs := []int{401, 404, 422, 503, 504}
	huma.Register(a.huma, huma.Operation{
		OperationID: "ask", Method: http.MethodGet, Path: "/api/v1/analytics", Tags: tags, Metadata: needs(access.ReadEvents), Errors: errs,
		Summary: "Answer a question", Description: "By any field, header or place in a body; funnels; retention. Of the last 24 hours unless said otherwise.",
	}, func(ctx context.Context, r *analyticsRequest) (*questionAnswer, error) {
		answer, err := a.asked(ctx, r.Asked, r.Cursor)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &questionAnswer{Body: answer}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "export-answer", Method: http.MethodGet, Path: "/api/v1/analytics/export", Tags: tags, Metadata: needs(access.ReadEvents), Errors: errs,
		Summary: "An answer as CSV", Description: "The same as GET /api/v1/analytics, as a file for spreadsheets. Text that these would run as a formula has an apostrophe in front.",
	}, func(ctx context.Context, r *Asked) (*csvAnswer, error) {
		answer, err := a.asked(ctx, *r, "")
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return csvOf(answer)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-fields", Method: http.MethodGet, Path: "/api/v1/analytics/fields", Tags: tags, Metadata: needs(access.ReadEvents), Errors: []int{401},
		Summary: "What a question can be about",
	}, func(context.Context, *struct{}) (*fieldsAnswer, error) {
		answer := &fieldsAnswer{}
		answer.Body.Fields, answer.Body.Metrics, answer.Body.Ops = events.FieldNames(), events.MetricKinds, events.FilterOps
		answer.Body.Prefixes = events.FieldPrefixes()
		return answer, nil
	})
}

func (a *api) asked(ctx context.Context, r Asked, cursor string) (QuestionAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return QuestionAnswer{}, err
	}
	q, err := parseQuestion(r.Question)
	if err != nil {
		return QuestionAnswer{}, err
	}
	return a.answer(ctx, app.ID, q, cursor)
}

// answer asks the store a question about one application.
func (a *api) answer(ctx context.Context, app string, q Question, cursor string) (QuestionAnswer, error) {
	q = q.withDefaults()
	now := a.Clock()
	if err := q.check(app, now); err != nil {
		return QuestionAnswer{}, err
	}
	switch q.Kind {
	case kindFunnel:
		return a.funnel(ctx, app, q, now)
	case kindRetention:
		return a.retention(ctx, app, q, now)
	}
	asked, err := q.analysis(app, now)
	if err != nil {
		return QuestionAnswer{}, err
	}
	asked.Cursor = cursor
	got, err := a.Events.Analyse(ctx, asked)
	if err != nil {
		return QuestionAnswer{}, err
	}
	answer := &AnalysisAnswer{
		Metrics: q.Metrics, Groups: orNone(q.Groups), IntervalSeconds: int64(got.Interval / time.Second), Times: orNone(got.Times),
		Total: AnalysisLine(got.Total), Lines: make([]AnalysisLine, len(got.Lines)), Next: got.Next, Rollups: got.Rollups,
	}
	for i, line := range got.Lines {
		answer.Lines[i] = AnalysisLine(line)
	}
	return QuestionAnswer{Kind: q.Kind, From: got.From, To: got.To, Analysis: answer}, nil
}

func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *api) funnel(ctx context.Context, app string, q Question, now time.Time) (QuestionAnswer, error) {
	asked, err := q.funnel(app, now)
	if err != nil {
		return QuestionAnswer{}, err
	}
	counts, err := a.Events.Funnel(ctx, asked)
	if err != nil {
		return QuestionAnswer{}, err
	}
	answer := &FunnelAnswer{Steps: make([]FunnelStep, len(counts))}
	for i, c := range counts {
		answer.Steps[i] = FunnelStep{Name: q.Steps[i].Name, Customers: c.Customers, Share: rate(c.Customers, counts[0].Customers)}
		if c.Median != nil {
			seconds := c.Median.Seconds()
			answer.Steps[i].MedianSeconds = &seconds
		}
	}
	return QuestionAnswer{Kind: q.Kind, From: asked.From, To: asked.To, Funnel: answer}, nil
}

func (a *api) retention(ctx context.Context, app string, q Question, now time.Time) (QuestionAnswer, error) {
	asked, err := q.retention(app, now)
	if err != nil {
		return QuestionAnswer{}, err
	}
	cohorts, err := a.Events.Retention(ctx, asked)
	if err != nil {
		return QuestionAnswer{}, err
	}
	answer := &RetentionAnswer{Cohorts: make([]RetentionCohort, len(cohorts))}
	for i, c := range cohorts {
		answer.Cohorts[i] = RetentionCohort(c)
	}
	return QuestionAnswer{Kind: q.Kind, From: cohorts[0].Week, To: asked.To, Retention: answer}, nil
}
