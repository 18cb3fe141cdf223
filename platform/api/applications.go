package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
)

// App is an application: one API whose events are kept together.
type App struct {
	ID            string     `json:"id" doc:"What the parameter app takes. It never changes." example:"app_k3v9x2m7q4ts"`
	Name          string     `json:"name" doc:"Name for people." example:"My API"`
	ApplicationID string     `json:"application_id" doc:"What gateways and SDKs send as X-Moesif-Application-Id. Whoever has it can write events, and read nothing but the governance rules. Empty for those without the right events:write, and when revoked." example:"QJ3ZVK5T7XW2MB4RNC6YHDPLAE"`
	CreatedAt     time.Time  `json:"created_at" doc:"When it was made." example:"2026-11-22T10:00:00Z"`
	Rate          int        `json:"rate" doc:"Events a second that the collector takes in the long run; 0 is no limit." example:"500"`
	Burst         int        `json:"burst" doc:"Events that it takes at once." example:"2000"`
	RevokedAt     *time.Time `json:"revoked_at" doc:"When it was revoked: since then the collector refuses it. Null when it was not." example:"2026-11-22T10:00:00Z"`
	OldIDs        []OldID    `json:"old_ids" nullable:"false" doc:"Application ids that were replaced and are still taken."`
}

// OldID is an application id that was replaced.
type OldID struct {
	Tail  string    `json:"tail" doc:"Its last characters." example:"LAE4"`
	Until time.Time `json:"until" doc:"From when on it is refused." example:"2026-12-22T10:00:00Z"`
}

type appsAnswer struct {
	Body struct {
		Apps []App `json:"apps" nullable:"false" doc:"All applications, oldest first."`
	}
}

type appAnswer struct{ Body App }

// OfApplication says which application an operation changes.
type OfApplication struct {
	ID string `path:"id" maxLength:"64" doc:"The application's id." example:"app_k3v9x2m7q4ts"`
}

type addAppRequest struct {
	Body struct {
		Name string `json:"name" maxLength:"800" doc:"Name for people, 1 to 200 characters." example:"My API"`
	}
}

type changeAppRequest struct {
	OfApplication
	Body struct {
		Name  string `json:"name" maxLength:"800" doc:"Name for people, 1 to 200 characters." example:"My API"`
		Rate  int    `json:"rate" required:"false" doc:"Events a second, 0 (no limit) to 1,000,000. Above it the collector answers 429 with Retry-After." example:"500"`
		Burst int    `json:"burst" required:"false" doc:"Events at once, to 1,000,000; 0 is one second's." example:"2000"`
	}
}

type rotateAppRequest struct {
	OfApplication
	Body struct {
		GraceSeconds int64 `json:"grace_seconds" required:"false" minimum:"0" maximum:"2592000" doc:"How long the present application id is still taken, 0 to 2592000 (30 days)." example:"86400"`
	}
}

func (a *api) addApplications(tags []string) {
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-apps", Method: http.MethodGet, Path: "/api/v1/apps", Tags: tags, Metadata: needs(access.ReadApps), Errors: []int{401, 403},
		Summary: "Applications",
	}, func(ctx context.Context, _ *struct{}) (*appsAnswer, error) {
		answer := &appsAnswer{}
		for _, app := range a.Gate.Applications() {
			answer.Body.Apps = append(answer.Body.Apps, a.app(ctx, app))
		}
		return answer, nil
	})
	changing := func(o huma.Operation) huma.Operation {
		o.Tags, o.Metadata, o.MaxBodyBytes, o.Errors = tags, needs(access.WriteApps), 16<<10, []int{401, 403, 404, 422, 503}
		return o
	}
	huma.Register(a.huma, changing(huma.Operation{
		OperationID: "add-app", Method: http.MethodPost, Path: "/api/v1/apps", DefaultStatus: http.StatusCreated,
		Summary: "Create an application", Description: "With an application id of its own.",
	}), func(ctx context.Context, r *addAppRequest) (*appAnswer, error) {
		app, err := a.Gate.AddApplication(ctx, r.Body.Name)
		return a.appAnswer(ctx, app, err)
	})
	huma.Register(a.huma, changing(huma.Operation{
		OperationID: "change-app", Method: http.MethodPut, Path: "/api/v1/apps/{id}",
		Summary: "Rename an application, limit its rate",
	}), func(ctx context.Context, r *changeAppRequest) (*appAnswer, error) {
		app, err := a.Gate.ChangeApplication(ctx, r.ID, r.Body.Name, r.Body.Rate, r.Body.Burst)
		return a.appAnswer(ctx, app, err)
	})
	huma.Register(a.huma, changing(huma.Operation{
		OperationID: "rotate-app", Method: http.MethodPost, Path: "/api/v1/apps/{id}/application-id",
		Summary: "Give it a new application id", Description: "Its id and its events stay as they are. A revoked application can be sent to again.",
	}), func(ctx context.Context, r *rotateAppRequest) (*appAnswer, error) {
		app, err := a.Gate.RotateApplicationID(ctx, r.ID, time.Duration(r.Body.GraceSeconds)*time.Second)
		return a.appAnswer(ctx, app, err)
	})
	huma.Register(a.huma, changing(huma.Operation{
		OperationID: "end-old-ids", Method: http.MethodDelete, Path: "/api/v1/apps/{id}/old-ids", DefaultStatus: http.StatusOK,
		Summary: "Refuse its replaced application ids at once",
	}), func(ctx context.Context, r *OfApplication) (*appAnswer, error) {
		app, err := a.Gate.EndOldIDs(ctx, r.ID)
		return a.appAnswer(ctx, app, err)
	})
	huma.Register(a.huma, changing(huma.Operation{
		OperationID: "revoke-app", Method: http.MethodDelete, Path: "/api/v1/apps/{id}/application-id", DefaultStatus: http.StatusOK,
		Summary: "Revoke an application", Description: "The collector refuses all its application ids from then on. What is stored stays, and can be read.",
	}), func(ctx context.Context, r *OfApplication) (*appAnswer, error) {
		app, err := a.Gate.RevokeApplication(ctx, r.ID)
		return a.appAnswer(ctx, app, err)
	})
}

// app shows an application to whoever asks.
func (a *api) app(ctx context.Context, app access.Application) App {
	shown := App{
		ID: app.ID, Name: app.Name, CreatedAt: app.CreatedAt, Rate: app.Rate, Burst: app.Burst,
		RevokedAt: timeOrNull(app.RevokedAt), OldIDs: []OldID{},
	}
	// The id is a right to write: whoever may not write does not see it.
	if !principal(ctx).May(access.WriteEvents) {
		return shown
	}
	shown.ApplicationID = app.ApplicationID
	for _, old := range a.Gate.OldIDs(app.ID) {
		shown.OldIDs = append(shown.OldIDs, OldID(old))
	}
	return shown
}

func (a *api) appAnswer(ctx context.Context, app access.Application, err error) (*appAnswer, error) {
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &appAnswer{Body: a.app(ctx, app)}, nil
}
