package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/dashboards"
)

// Card is what charts and dashboards have in common.
type Card struct {
	ID          string    `json:"id" readOnly:"true" required:"false" doc:"Id." example:"k3v9x2m7q4tsab2c"`
	Name        string    `json:"name" maxLength:"800" doc:"Name: 1 to 200 characters." example:"Calls by company"`
	Description string    `json:"description" required:"false" maxLength:"8000" doc:"What it is for, at most 2000 characters." example:"For the Monday meeting."`
	Shared      bool      `json:"shared" required:"false" doc:"Whether everybody who is signed in sees it; otherwise only who made it." example:"true"`
	Mine        bool      `json:"mine" readOnly:"true" required:"false" doc:"Whether who asks may change it." example:"true"`
	CreatedAt   time.Time `json:"created_at" readOnly:"true" required:"false" doc:"When it was made." example:"2026-11-22T10:00:00Z"`
	UpdatedAt   time.Time `json:"updated_at" readOnly:"true" required:"false" doc:"When it was changed last." example:"2026-11-22T10:00:00Z"`
}

// SavedChart is a question with a name.
type SavedChart struct {
	Card
	Question Question `json:"question" doc:"What it asks."`
}

// Dashboard is charts side by side.
type Dashboard struct {
	Card
	Tiles []Tile `json:"tiles" required:"false" nullable:"false" doc:"Its charts in order, at most 30."`
}

// Tile is the place of a chart on a dashboard.
type Tile struct {
	Chart  string `json:"chart" maxLength:"64" doc:"Id of the chart." example:"k3v9x2m7q4tsab2c"`
	Width  int    `json:"width" doc:"Columns of twelve, 3 to 12." example:"6"`
	Height int    `json:"height" doc:"Rows, 1 to 4." example:"2"`
}

// OfCard says which chart or dashboard a request is about.
type OfCard struct {
	OfApp
	ID string `path:"id" maxLength:"64" doc:"Id." example:"k3v9x2m7q4tsab2c"`
}

type chartsAnswer struct {
	Body struct {
		Charts []SavedChart `json:"charts" nullable:"false" doc:"Those that who asks may see, the oldest first."`
	}
}

type dashboardsAnswer struct {
	Body struct {
		Dashboards []Dashboard `json:"dashboards" nullable:"false" doc:"Those that who asks may see, the oldest first."`
	}
}

type (
	chartAnswer     struct{ Body SavedChart }
	dashboardAnswer struct{ Body Dashboard }
	addChartRequest struct {
		OfApp
		Body SavedChart
	}
	changeChartRequest struct {
		OfCard
		Body SavedChart
	}
	addDashboardRequest struct {
		OfApp
		Body Dashboard
	}
	changeDashboardRequest struct {
		OfCard
		Body Dashboard
	}
)

// viewer is whose charts somebody sees: a person's own and the shared ones.
func viewer(p access.Principal) string {
	if p.Admin {
		return dashboards.Everybody
	}
	if p.Token != "" {
		return "token:" + p.Token
	}
	return p.Person
}

func (a *api) addDashboards() {
	tags := []string{"dashboards"}
	op := func(id, method, path, summary string) huma.Operation {
		o := huma.Operation{OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary, Tags: tags, Metadata: needs(access.WriteCharts), Errors: []int{401, 403, 404, 422, 503}}
		switch method {
		case http.MethodGet:
			o.Metadata = needs(access.ReadEvents)
		case http.MethodPost:
			o.DefaultStatus = http.StatusCreated
		case http.MethodDelete:
			o.DefaultStatus = http.StatusNoContent
		}
		return o
	}
	huma.Register(a.huma, op("list-charts", http.MethodGet, "/charts", "Charts"), a.listCharts)
	huma.Register(a.huma, op("add-chart", http.MethodPost, "/charts", "Keep a chart"), func(ctx context.Context, r *addChartRequest) (*chartAnswer, error) {
		return a.saveChart(ctx, r.OfApp, "", r.Body)
	})
	huma.Register(a.huma, op("get-chart", http.MethodGet, "/charts/{id}", "One chart"), a.getChart)
	huma.Register(a.huma, op("change-chart", http.MethodPut, "/charts/{id}", "Change a chart"), func(ctx context.Context, r *changeChartRequest) (*chartAnswer, error) {
		return a.saveChart(ctx, r.OfApp, r.ID, r.Body)
	})
	huma.Register(a.huma, op("delete-chart", http.MethodDelete, "/charts/{id}", "Delete a chart, also from dashboards"), func(ctx context.Context, r *OfCard) (*struct{}, error) {
		return a.deleteCard(ctx, r, a.Dashboards.DeleteChart)
	})
	huma.Register(a.huma, op("list-dashboards", http.MethodGet, "/dashboards", "Dashboards"), a.listDashboards)
	huma.Register(a.huma, op("add-dashboard", http.MethodPost, "/dashboards", "Make a dashboard"), func(ctx context.Context, r *addDashboardRequest) (*dashboardAnswer, error) {
		return a.saveDashboard(ctx, r.OfApp, "", r.Body)
	})
	huma.Register(a.huma, op("get-dashboard", http.MethodGet, "/dashboards/{id}", "One dashboard"), a.getDashboard)
	huma.Register(a.huma, op("change-dashboard", http.MethodPut, "/dashboards/{id}", "Change a dashboard"), func(ctx context.Context, r *changeDashboardRequest) (*dashboardAnswer, error) {
		return a.saveDashboard(ctx, r.OfApp, r.ID, r.Body)
	})
	huma.Register(a.huma, op("delete-dashboard", http.MethodDelete, "/dashboards/{id}", "Delete a dashboard; its charts stay"), func(ctx context.Context, r *OfCard) (*struct{}, error) {
		return a.deleteCard(ctx, r, a.Dashboards.DeleteDashboard)
	})
}

func (a *api) listCharts(ctx context.Context, r *OfApp) (*chartsAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	list, err := a.Dashboards.Charts(ctx, app.ID, viewer(principal(ctx)))
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &chartsAnswer{}
	answer.Body.Charts = make([]SavedChart, len(list))
	for i, c := range list {
		if answer.Body.Charts[i], err = chartOf(ctx, c); err != nil {
			return nil, a.failure(ctx, err)
		}
	}
	return answer, nil
}

func (a *api) getChart(ctx context.Context, r *OfCard) (*chartAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	c, err := a.Dashboards.Chart(ctx, app.ID, r.ID, viewer(principal(ctx)))
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	shown, err := chartOf(ctx, c)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &chartAnswer{Body: shown}, nil
}

func (a *api) saveChart(ctx context.Context, of OfApp, id string, c SavedChart) (*chartAnswer, error) {
	app, err := a.application(of.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	if err := c.Question.check(app.ID, a.Clock()); err != nil {
		return nil, a.failure(ctx, err)
	}
	question, err := c.Question.document()
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	kept := dashboards.Chart{Card: c.card(id), Question: question}
	if kept, err = a.Dashboards.SaveChart(ctx, app.ID, viewer(principal(ctx)), kept); err != nil {
		return nil, a.failure(ctx, err)
	}
	shown, err := chartOf(ctx, kept)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &chartAnswer{Body: shown}, nil
}

func (a *api) listDashboards(ctx context.Context, r *OfApp) (*dashboardsAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	list, err := a.Dashboards.Dashboards(ctx, app.ID, viewer(principal(ctx)))
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &dashboardsAnswer{}
	answer.Body.Dashboards = make([]Dashboard, len(list))
	for i, d := range list {
		answer.Body.Dashboards[i] = dashboardOf(ctx, d)
	}
	return answer, nil
}

func (a *api) getDashboard(ctx context.Context, r *OfCard) (*dashboardAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	d, err := a.Dashboards.Dashboard(ctx, app.ID, r.ID, viewer(principal(ctx)))
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &dashboardAnswer{Body: dashboardOf(ctx, d)}, nil
}

func (a *api) saveDashboard(ctx context.Context, of OfApp, id string, d Dashboard) (*dashboardAnswer, error) {
	app, err := a.application(of.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	kept := dashboards.Dashboard{Card: d.card(id), Tiles: make([]dashboards.Tile, len(d.Tiles))}
	for i, tile := range d.Tiles {
		kept.Tiles[i] = dashboards.Tile(tile)
	}
	if kept, err = a.Dashboards.SaveDashboard(ctx, app.ID, viewer(principal(ctx)), kept); err != nil {
		return nil, a.failure(ctx, err)
	}
	return &dashboardAnswer{Body: dashboardOf(ctx, kept)}, nil
}

func (a *api) deleteCard(ctx context.Context, r *OfCard, remove func(ctx context.Context, app, id, viewer string) error) (*struct{}, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	if err := remove(ctx, app.ID, r.ID, viewer(principal(ctx))); err != nil {
		return nil, a.failure(ctx, err)
	}
	return nil, nil
}

func (c Card) card(id string) dashboards.Card {
	return dashboards.Card{ID: id, Name: c.Name, Description: c.Description, Shared: c.Shared}
}

func cardOf(ctx context.Context, c dashboards.Card) Card {
	return Card{
		ID: c.ID, Name: c.Name, Description: c.Description, Shared: c.Shared, Mine: c.MayChange(viewer(principal(ctx))),
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

func chartOf(ctx context.Context, c dashboards.Chart) (SavedChart, error) {
	shown := SavedChart{Card: cardOf(ctx, c.Card)}
	err := json.Unmarshal(c.Question, &shown.Question)
	return shown, err
}

func dashboardOf(ctx context.Context, d dashboards.Dashboard) Dashboard {
	shown := Dashboard{Card: cardOf(ctx, d.Card), Tiles: make([]Tile, len(d.Tiles))}
	for i, tile := range d.Tiles {
		shown.Tiles[i] = Tile(tile)
	}
	return shown
}
