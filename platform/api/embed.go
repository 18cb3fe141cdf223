package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/dashboards"
	"github.com/gatemeter/gatemeter/platform/events"
)

// EmbedDraft says what a token shall show.
type EmbedDraft struct {
	Chart     string           `json:"chart" required:"false" maxLength:"64" doc:"Id of the chart to show; or name a dashboard." example:"k3v9x2m7q4tsab2c"`
	Dashboard string           `json:"dashboard" required:"false" maxLength:"64" doc:"Id of the dashboard to show." example:""`
	Filters   []QuestionFilter `json:"filters" required:"false" nullable:"false" doc:"The row filter: only calls for which all hold can be seen with the token. It is inside the token, and signed."`
	AllCalls  bool             `json:"all_calls" required:"false" doc:"Must be true for a token without a filter." example:"false"`
	ExpiresIn string           `json:"expires_in" required:"false" maxLength:"16" doc:"How long it can be used: 15m, 1h, 30d at most. Left out it is 1h." example:"1h"`
	Frames    []string         `json:"frame_ancestors" required:"false" nullable:"false" doc:"Origins whose pages may show it in a frame, at most 10. Without any it cannot be framed, only opened." example:"[\"https://shop.example\"]"`
}

// EmbedToken is a token that was made. It is shown once.
type EmbedToken struct {
	Token     string    `json:"token" doc:"The token: whoever has it sees what it names until it expires." example:"gme_eyJhIjoi.c2ln"`
	Path      string    `json:"path" doc:"Address of the page on this platform, for an iframe's src." example:"/embed/gme_eyJhIjoi.c2ln"`
	ExpiresAt time.Time `json:"expires_at" doc:"When it ends." example:"2026-11-22T11:00:00Z"`
}

type addEmbedRequest struct {
	OfApp
	Body EmbedDraft
}

type embedTokenAnswer struct{ Body EmbedToken }

// EmbedHeader carries the token.
type EmbedHeader struct {
	Token string `header:"X-Gatemeter-Embed" maxLength:"16384" doc:"The token." example:"gme_eyJhIjoi.c2ln"`
}

// EmbeddedChart is a chart as who has a token sees it.
type EmbeddedChart struct {
	ID       string `json:"id" doc:"What the parameter chart takes." example:"k3v9x2m7q4tsab2c"`
	Name     string `json:"name" doc:"Name." example:"Calls by company"`
	Kind     string `json:"kind" doc:"Kind of its question." example:"analysis"`
	Chart    string `json:"chart" doc:"How it is drawn." example:"line"`
	OverTime bool   `json:"over_time" doc:"Whether it is over time." example:"true"`
	By       string `json:"by" doc:"Of funnels and retention: user or company." example:"user"`
	Width    int    `json:"width" doc:"Columns of twelve." example:"6"`
	Height   int    `json:"height" doc:"Rows." example:"2"`
}

type embeddedAnswer struct {
	Body struct {
		Title     string          `json:"title" doc:"Name of the chart or dashboard." example:"Your usage"`
		ExpiresAt time.Time       `json:"expires_at" doc:"When the token ends." example:"2026-11-22T11:00:00Z"`
		Charts    []EmbeddedChart `json:"charts" nullable:"false" doc:"What the token shows, in order."`
	}
}

type embeddedDataRequest struct {
	EmbedHeader
	Chart string `query:"chart" required:"true" maxLength:"64" doc:"Id of one of the charts of GET /api/v1/embed." example:"k3v9x2m7q4tsab2c"`
}

func (a *api) addEmbed() {
	tags := []string{"embedding"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "add-embed-token", Method: http.MethodPost, Path: "/api/v1/embeds", Tags: tags, Metadata: needs(access.EmbedCharts), DefaultStatus: http.StatusCreated, Errors: []int{401, 403, 404, 422, 503},
		Summary: "Make a token that shows a chart or a dashboard without a sign-in", Description: "Give each of your customers a token with a filter on their own id.",
	}, a.addEmbedToken)
	huma.Register(a.huma, huma.Operation{
		OperationID: "revoke-embed-tokens", Method: http.MethodDelete, Path: "/api/v1/embeds", Tags: tags, Metadata: needs(access.EmbedCharts), DefaultStatus: http.StatusNoContent, Errors: []int{401, 403, 404, 422, 503},
		Summary: "Make all embed tokens of the application void",
	}, func(ctx context.Context, r *OfApp) (*struct{}, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		if err := a.Dashboards.Revoke(ctx, app.ID); err != nil {
			return nil, a.failure(ctx, err)
		}
		return nil, nil
	})
	errs := []int{401, 404, 422, 503, 504}
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-embedded", Method: http.MethodGet, Path: "/api/v1/embed", Tags: tags, Metadata: public, Security: open, Errors: errs,
		Summary: "What a token shows", Description: "Needs no sign-in, but a token.",
	}, a.embedded)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-embedded-data", Method: http.MethodGet, Path: "/api/v1/embed/data", Tags: tags, Metadata: public, Security: open, Errors: errs,
		Summary: "The answer to a chart of a token", Description: "Of the calls that the token's filter selects. Needs no sign-in, but a token.",
	}, a.embeddedData)
}

func (a *api) addEmbedToken(ctx context.Context, r *addEmbedRequest) (*embedTokenAnswer, error) {
	token, err := a.embedToken(ctx, r)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &embedTokenAnswer{Body: token}, nil
}

func (a *api) embedToken(ctx context.Context, r *addEmbedRequest) (EmbedToken, error) {
	app, err := a.application(r.App)
	if err != nil {
		return EmbedToken{}, err
	}
	draft := r.Body
	if (len(draft.Filters) == 0) != draft.AllCalls {
		return EmbedToken{}, unprocessable("body.filters", "name at least one, or say all_calls")
	}
	filters := filtersOf(draft.Filters)
	if err := events.CheckFilters(filters); err != nil {
		return EmbedToken{}, err
	}
	// Whoever makes the token must see what it shows.
	who := viewer(principal(ctx))
	if draft.Chart != "" {
		if _, err := a.Dashboards.Chart(ctx, app.ID, draft.Chart, who); err != nil {
			return EmbedToken{}, err
		}
	}
	if draft.Dashboard != "" {
		if _, err := a.Dashboards.Dashboard(ctx, app.ID, draft.Dashboard, who); err != nil {
			return EmbedToken{}, err
		}
	}
	if draft.ExpiresIn == "" {
		draft.ExpiresIn = "1h"
	}
	life, err := parseDuration(draft.ExpiresIn)
	if err != nil {
		return EmbedToken{}, unprocessable("body.expires_in", err.Error())
	}
	end := a.Clock().Add(life).Truncate(time.Second).UTC()
	token, err := a.Dashboards.Sign(ctx, dashboards.Grant{
		App: app.ID, Chart: draft.Chart, Dashboard: draft.Dashboard, Filters: filters, Frames: draft.Frames, Expires: end.Unix(),
	})
	return EmbedToken{Token: token, Path: "/embed/" + token, ExpiresAt: end}, err
}

// granted returns what a token is good for. The application must still be there.
func (a *api) granted(ctx context.Context, token string) (g dashboards.Grant, title string, charts []dashboards.Chart, tiles []dashboards.Tile, err error) {
	if g, err = a.Dashboards.Open(ctx, token); err != nil {
		return g, "", nil, nil, err
	}
	if _, ok := a.Gate.Application(g.App); !ok {
		return g, "", nil, nil, dashboards.ErrToken
	}
	title, charts, tiles, err = a.Dashboards.GrantedCharts(ctx, g)
	return g, title, charts, tiles, err
}

func (a *api) embedded(ctx context.Context, r *EmbedHeader) (*embeddedAnswer, error) {
	g, title, charts, tiles, err := a.granted(ctx, r.Token)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &embeddedAnswer{}
	answer.Body.Title, answer.Body.ExpiresAt = title, time.Unix(g.Expires, 0).UTC()
	answer.Body.Charts = make([]EmbeddedChart, len(charts))
	for i, c := range charts {
		var q Question
		if err := json.Unmarshal(c.Question, &q); err != nil {
			return nil, a.failure(ctx, err)
		}
		q = q.withDefaults()
		answer.Body.Charts[i] = EmbeddedChart{
			ID: c.ID, Name: c.Name, Kind: q.Kind, Chart: q.Chart, OverTime: q.OverTime, By: q.By, Width: tiles[i].Width, Height: tiles[i].Height,
		}
	}
	return answer, nil
}

func (a *api) embeddedData(ctx context.Context, r *embeddedDataRequest) (*questionAnswer, error) {
	g, _, charts, _, err := a.granted(ctx, r.Token)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	i := slices.IndexFunc(charts, func(c dashboards.Chart) bool { return c.ID == r.Chart })
	if i < 0 {
		return nil, a.failure(ctx, dashboards.ErrNotFound)
	}
	var q Question
	if err := json.Unmarshal(charts[i].Question, &q); err != nil {
		return nil, a.failure(ctx, err)
	}
	for _, f := range g.Filters {
		q.Filters = append(q.Filters, QuestionFilter(f))
	}
	answer, err := a.answer(ctx, g.App, q, "")
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &questionAnswer{Body: answer}, nil
}
