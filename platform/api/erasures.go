package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/erase"
	"github.com/gatemeter/gatemeter/platform/events"
)

// Erasures erase customers.
type Erasures interface {
	Request(ctx context.Context, app, kind, id string) (erase.Erasure, error)
	List(ctx context.Context, app string) ([]erase.Erasure, error)
	Erasure(ctx context.Context, app, id string) (erase.Erasure, error)
	Erasable(ctx context.Context, app, kind, id string) (events.Deleted, error)
}

// Erasure is a customer's data being deleted, or that it was.
type Erasure struct {
	ID          string     `json:"id" doc:"The erasure's id." example:"erasure_QJ3ZVK5T7XW2MB4RNC6YHDPLAE"`
	Kind        string     `json:"kind" doc:"user or company. Who it was is not kept: the receipt has a hash of the id." example:"user"`
	RequestedAt time.Time  `json:"requested_at" doc:"What was accepted before is erased." example:"2026-11-22T10:00:00Z"`
	DoneAt      *time.Time `json:"done_at" doc:"When nothing of it was left; null while it goes on." example:"2026-11-22T10:00:04Z"`
	Problem     string     `json:"problem" doc:"Why it is not done yet; empty unless a try failed." example:""`
}

func erasureOf(e erase.Erasure) Erasure {
	shown := Erasure{ID: e.ID, Kind: e.Kind, RequestedAt: e.RequestedAt, Problem: e.Problem}
	if !e.DoneAt.IsZero() {
		shown.DoneAt = &e.DoneAt
	}
	return shown
}

type requestErasureRequest struct {
	OfApp
	Body struct {
		Kind string `json:"kind" enum:"user,company" doc:"What is erased." example:"user"`
		ID   string `json:"id" minLength:"1" maxLength:"1024" doc:"The user's or company's id." example:"ada"`
	}
}

type erasureRequest struct {
	OfApp
	ID string `path:"id" maxLength:"255" doc:"The erasure's id." example:"erasure_QJ3ZVK5T7XW2MB4RNC6YHDPLAE"`
}

// ErasurePreview is what an erasure would delete.
type ErasurePreview struct {
	Profile bool  `json:"profile" doc:"Whether there is a profile; it goes, with a company's subscriptions." example:"true"`
	Events  int64 `json:"events" doc:"Calls that would be deleted, with their headers." example:"1204"`
	Bodies  int64 `json:"bodies" doc:"Calls of these that have bodies." example:"980"`
	Actions int64 `json:"actions" doc:"Actions that would be deleted." example:"12"`
	Rollups int64 `json:"rollups" doc:"Rows of sums in which it would be nobody's." example:"310"`
}

type previewErasureRequest struct {
	OfApp
	Kind string `query:"kind" required:"true" enum:"user,company" doc:"What would be erased." example:"user"`
	ID   string `query:"id" required:"true" minLength:"1" maxLength:"1024" doc:"The user's or company's id." example:"ada"`
}

type (
	erasurePreviewAnswer struct{ Body ErasurePreview }

	erasureAnswer  struct{ Body Erasure }
	erasuresAnswer struct {
		Body struct {
			Erasures []Erasure `json:"erasures" nullable:"false" doc:"The last 200, newest first."`
		}
	}
	receiptAnswer struct {
		Disposition string `header:"Content-Disposition"`
		ContentType string `header:"Content-Type"`
		Body        []byte
	}
)

func (a *api) addErasures() {
	tags, statuses := []string{"upkeep"}, []int{401, 403, 404, 422, 503}
	huma.Register(a.huma, huma.Operation{
		OperationID: "request-erasure", Method: http.MethodPost, Path: "/api/v1/erasures", DefaultStatus: http.StatusAccepted,
		Tags: tags, Metadata: needs(access.EraseEvents), Errors: statuses, Summary: "Erase a user or company",
		Description: "Deletes the profile, the events with their headers and bodies, the actions, and the place in rules, whatever was accepted until now; sums keep the calls " +
			"as nobody's. The files are rewritten, so that the bytes are gone as well. It cannot be undone, goes on after a restart, and ends with a receipt.",
	}, func(ctx context.Context, r *requestErasureRequest) (*erasureAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		e, err := a.Erasures.Request(ctx, app.ID, r.Body.Kind, r.Body.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &erasureAnswer{Body: erasureOf(e)}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-erasures", Method: http.MethodGet, Path: "/api/v1/erasures", Tags: tags, Metadata: needs(access.EraseEvents),
		Errors: statuses, Summary: "Erasures, newest first",
	}, func(ctx context.Context, r *OfApp) (*erasuresAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		list, err := a.Erasures.List(ctx, app.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		answer := &erasuresAnswer{}
		answer.Body.Erasures = make([]Erasure, len(list))
		for i, e := range list {
			answer.Body.Erasures[i] = erasureOf(e)
		}
		return answer, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "preview-erasure", Method: http.MethodGet, Path: "/api/v1/erasures/preview", Tags: tags, Metadata: needs(access.EraseEvents),
		Errors: statuses, Summary: "What an erasure would delete now", Description: "Rules, sampling rates and cohorts that name the customer are not counted; they forget it too.",
	}, func(ctx context.Context, r *previewErasureRequest) (*erasurePreviewAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		would, err := a.wouldErase(ctx, app.ID, r.Kind, r.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &erasurePreviewAnswer{Body: would}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-erasure-receipt", Method: http.MethodGet, Path: "/api/v1/erasures/{id}/receipt", Tags: tags, Metadata: needs(access.EraseEvents),
		Errors: append(statuses, 409), Summary: "The receipt of an erasure",
		Description: "What was deleted, when, how many rows of each table, and what remains. customer_sha256 is the SHA-256 of the salt, a colon, the kind, a colon and the id.",
		Responses:   binaryAnswer("application/json", "The receipt."),
	}, func(ctx context.Context, r *erasureRequest) (*receiptAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		e, err := a.Erasures.Erasure(ctx, app.ID, r.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		if e.Receipt == "" {
			return nil, huma.Error409Conflict("it is not done yet")
		}
		return &receiptAnswer{Disposition: `attachment; filename="` + e.ID + `.json"`, ContentType: "application/json", Body: []byte(e.Receipt)}, nil
	})
}

func (a *api) wouldErase(ctx context.Context, app, kind, id string) (would ErasurePreview, err error) {
	if kind == erase.Company {
		_, err = a.Customers.Company(ctx, app, id)
	} else {
		_, err = a.Customers.User(ctx, app, id)
	}
	if err != nil && !errors.Is(err, customers.ErrNotFound) {
		return would, err
	}
	would.Profile = err == nil
	d, err := a.Erasures.Erasable(ctx, app, kind, id)
	if err != nil {
		return would, err
	}
	would.Events, would.Bodies, would.Actions, would.Rollups = d.Events, d.Bodies, d.Actions, d.Rollups
	return would, nil
}
