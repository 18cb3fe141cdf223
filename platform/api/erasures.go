package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/erase"
)

// Erasures erase customers.
type Erasures interface {
	Request(ctx context.Context, app, kind, id string) (erase.Erasure, error)
	List(ctx context.Context, app string) ([]erase.Erasure, error)
	Erasure(ctx context.Context, app, id string) (erase.Erasure, error)
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

type (
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
	tags, errors := []string{"upkeep"}, []int{401, 403, 404, 422, 503}
	huma.Register(a.huma, huma.Operation{
		OperationID: "request-erasure", Method: http.MethodPost, Path: "/api/v1/erasures", DefaultStatus: http.StatusAccepted,
		Tags: tags, Metadata: needs(access.EraseEvents), Errors: errors, Summary: "Erase a user or company",
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
		Errors: errors, Summary: "Erasures, newest first",
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
		OperationID: "get-erasure-receipt", Method: http.MethodGet, Path: "/api/v1/erasures/{id}/receipt", Tags: tags, Metadata: needs(access.EraseEvents),
		Errors: append(errors, 409), Summary: "The receipt of an erasure",
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
