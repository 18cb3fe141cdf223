package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/retention"
)

// Retention says how long an application's data is kept.
type Retention interface {
	Of(ctx context.Context, app string) (retention.Settings, error)
	Set(ctx context.Context, app string, s retention.Settings) error
	WouldDelete(ctx context.Context, app string, s retention.Settings) (events.Deleted, error)
}

// RetentionDays is how long data is kept after it happened, in whole days of UTC.
type RetentionDays struct {
	Events  int `json:"events_days" query:"events_days" minimum:"0" maximum:"36500" default:"0" doc:"Days for which events are kept, with their headers and bodies, and actions; 0 is for ever." example:"90"`
	Bodies  int `json:"bodies_days" query:"bodies_days" minimum:"0" maximum:"36500" default:"0" doc:"Days for which bodies are kept; 0 is as long as their events." example:"14"`
	Rollups int `json:"rollups_days" query:"rollups_days" minimum:"0" maximum:"36500" default:"0" doc:"Days for which the sums by minute, hour and day are kept that charts are drawn from; 0 is for ever." example:"730"`
}

func (d RetentionDays) settings() retention.Settings {
	return retention.Settings{Events: d.Events, Bodies: d.Bodies, Rollups: d.Rollups}
}

// DeletedRows counts what was or would be deleted.
type DeletedRows struct {
	Events  int64 `json:"events" doc:"Events." example:"120000"`
	Actions int64 `json:"actions" doc:"Actions." example:"0"`
	Bodies  int64 `json:"bodies" doc:"Events whose bodies are gone; those of deleted events are among them." example:"480000"`
	Rollups int64 `json:"rollups" doc:"Rows of sums." example:"0"`
}

func deletedRows(d events.Deleted) DeletedRows {
	return DeletedRows{Events: d.Events, Actions: d.Actions, Bodies: d.Bodies, Rollups: d.Rollups}
}

type retentionAnswer struct {
	Body struct {
		RetentionDays
		WouldDelete DeletedRows `json:"would_delete" doc:"What these settings would delete now."`
	}
}

type changeRetentionRequest struct {
	OfApp
	Body RetentionDays
}

type previewRetentionRequest struct {
	OfApp
	RetentionDays
}

func (a *api) addRetention() {
	tags := []string{"upkeep"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-retention", Method: http.MethodGet, Path: "/api/v1/retention", Tags: tags, Metadata: needs(access.ReadApps),
		Errors: []int{401, 403, 404, 422, 503}, Summary: "How long data is kept",
	}, func(ctx context.Context, r *OfApp) (*retentionAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		s, err := a.Retention.Of(ctx, app.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.retained(ctx, app, s)
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "preview-retention", Method: http.MethodGet, Path: "/api/v1/retention/preview", Tags: tags, Metadata: needs(access.ReadApps),
		Errors: []int{401, 403, 404, 422, 503}, Summary: "What other settings would delete",
	}, func(ctx context.Context, r *previewRetentionRequest) (*retentionAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.retained(ctx, app, r.settings())
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "change-retention", Method: http.MethodPut, Path: "/api/v1/retention", Tags: tags, Metadata: needs(access.EraseEvents),
		Errors: []int{401, 403, 404, 422, 503}, Summary: "Change how long data is kept",
		Description: "Deleting begins at once, in small steps, and cannot be undone. Bodies can not be kept longer than their events, nor sums shorter. " +
			"The books go on to count what is deleted as stored, and show it beside.",
	}, func(ctx context.Context, r *changeRetentionRequest) (*retentionAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		if err := a.Retention.Set(ctx, app.ID, r.Body.settings()); err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.retained(ctx, app, r.Body.settings())
	})
}

func (a *api) retained(ctx context.Context, app access.Application, s retention.Settings) (*retentionAnswer, error) {
	would, err := a.Retention.WouldDelete(ctx, app.ID, s)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &retentionAnswer{}
	answer.Body.RetentionDays = RetentionDays{Events: s.Events, Bodies: s.Bodies, Rollups: s.Rollups}
	answer.Body.WouldDelete = deletedRows(would)
	return answer, nil
}
