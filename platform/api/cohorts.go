package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/cohorts"
)

// sizesRange is how far back the sizes of a cohort are told.
const sizesRange = 30 * 24 * time.Hour

// OfCohort says which cohort a request is about.
type OfCohort struct {
	OfApp
	ID string `path:"id" maxLength:"64" doc:"The cohort's id." example:"co_64ca685a833073c6b41b15f3"`
}

type cohortAnswer struct{ Body Cohort }

type cohortsAnswer struct {
	Body struct {
		Cohorts []Cohort `json:"cohorts" nullable:"false" doc:"All of them, the oldest first."`
	}
}

type addCohortRequest struct {
	OfApp
	Body CohortDraft
}

type changeCohortRequest struct {
	OfCohort
	Body CohortDraft
}

type previewRequest struct {
	OfApp
	Body struct {
		Kind     string   `json:"kind" enum:"user,company" doc:"What the cohort is made of." example:"company"`
		Criteria Criteria `json:"criteria" doc:"Who would be in it."`
	}
}

type previewAnswer struct {
	Body struct {
		Members   int            `json:"members" doc:"How many would be in it." example:"42"`
		Customers []CohortMember `json:"customers" nullable:"false" doc:"The first hundred of them, by id."`
	}
}

type fieldsRequest struct {
	OfApp
	Kind string `query:"kind" enum:"user,company" default:"company" doc:"Of users or companies." example:"company"`
}

type cohortFieldsAnswer struct {
	Body struct {
		Fields []string `json:"fields" nullable:"false" doc:"What an attribute condition can name: what the platform knows, and what profiles have in their metadata." example:"[\"metadata.plan\"]"`
	}
}

func (a *api) addCohorts() {
	tags := []string{"cohorts"}
	reading, writing := []int{401, 404, 422, 503}, []int{401, 403, 404, 422, 503, 504}
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-cohorts", Method: http.MethodGet, Path: "/api/v1/cohorts", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: reading,
		Summary: "Cohorts",
	}, a.listCohorts)
	huma.Register(a.huma, huma.Operation{
		OperationID: "add-cohort", Method: http.MethodPost, Path: "/api/v1/cohorts", Tags: tags, Metadata: needs(access.WriteCohorts), Errors: writing, DefaultStatus: http.StatusCreated,
		Summary: "Add a cohort", Description: "Its members are found before the answer, and again whenever calls, profiles or time may have changed them.",
	}, a.addCohort)
	huma.Register(a.huma, huma.Operation{
		OperationID: "preview-cohort", Method: http.MethodPost, Path: "/api/v1/cohorts/preview", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: writing,
		Summary: "Who would be in a cohort", Description: "Nothing is stored.",
	}, a.previewCohort)
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-cohort-fields", Method: http.MethodGet, Path: "/api/v1/cohorts/fields", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: reading,
		Summary: "What cohorts can look at in profiles",
	}, a.cohortFields)
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-cohort-changes", Method: http.MethodGet, Path: "/api/v1/cohorts/changes", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: reading,
		Summary: "Who entered and left", Description: "They are kept for 90 days.",
	}, a.cohortChanges)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-cohort", Method: http.MethodGet, Path: "/api/v1/cohorts/{id}", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: reading,
		Summary: "One cohort",
	}, a.getCohort)
	huma.Register(a.huma, huma.Operation{
		OperationID: "change-cohort", Method: http.MethodPut, Path: "/api/v1/cohorts/{id}", Tags: tags, Metadata: needs(access.WriteCohorts), Errors: writing,
		Summary: "Replace a cohort", Description: "Members are found anew when the criteria are others.",
	}, a.changeCohort)
	huma.Register(a.huma, huma.Operation{
		OperationID: "delete-cohort", Method: http.MethodDelete, Path: "/api/v1/cohorts/{id}", Tags: tags, Metadata: needs(access.WriteCohorts), Errors: []int{401, 403, 404, 409, 422, 503},
		DefaultStatus: http.StatusNoContent,
		Summary:       "Delete a cohort", Description: "With its history. A cohort that rules name can not be deleted.",
	}, a.deleteCohort)
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-cohort-members", Method: http.MethodGet, Path: "/api/v1/cohorts/{id}/members", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: reading,
		Summary: "Who is in a cohort",
	}, a.cohortMembers)
}

func (a *api) listCohorts(ctx context.Context, r *OfApp) (*cohortsAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	list, err := a.Cohorts.List(ctx, app.ID)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	sizes, err := a.Cohorts.Sizes(ctx, app.ID, "", a.Clock().Add(-sizesRange))
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &cohortsAnswer{}
	answer.Body.Cohorts = make([]Cohort, len(list))
	for i, c := range list {
		answer.Body.Cohorts[i] = cohortOf(c, sizes[c.ID])
	}
	return answer, nil
}

func (a *api) addCohort(ctx context.Context, r *addCohortRequest) (*cohortAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	c, err := a.Cohorts.Create(ctx, app.ID, r.Body.draft())
	return a.cohort(ctx, c, err)
}

func (a *api) changeCohort(ctx context.Context, r *changeCohortRequest) (*cohortAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	c, err := a.Cohorts.Replace(ctx, app.ID, r.ID, r.Body.draft())
	return a.cohort(ctx, c, err)
}

func (a *api) getCohort(ctx context.Context, r *OfCohort) (*cohortAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	c, err := a.Cohorts.Cohort(ctx, app.ID, r.ID)
	return a.cohort(ctx, c, err)
}

func (a *api) cohort(ctx context.Context, c cohorts.Cohort, err error) (*cohortAnswer, error) {
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	sizes, err := a.Cohorts.Sizes(ctx, c.App, c.ID, a.Clock().Add(-sizesRange))
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	return &cohortAnswer{Body: cohortOf(c, sizes[c.ID])}, nil
}

func (a *api) deleteCohort(ctx context.Context, r *OfCohort) (*struct{}, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	names, err := a.Rules.NamesOf(ctx, app.ID, r.ID)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	if len(names) > 0 {
		return nil, huma.Error409Conflict("these rules apply to its members: " + strings.Join(names, ", ") + ": change or delete them first")
	}
	if err := a.Cohorts.Delete(ctx, app.ID, r.ID); err != nil {
		return nil, a.failure(ctx, err)
	}
	return nil, nil
}

func (a *api) previewCohort(ctx context.Context, r *previewRequest) (*previewAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	n, members, err := a.Cohorts.Preview(ctx, app.ID, CohortDraft{Kind: r.Body.Kind, Criteria: r.Body.Criteria}.draft())
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &previewAnswer{}
	answer.Body.Members, answer.Body.Customers = n, membersOf(members)
	return answer, nil
}

func (a *api) cohortFields(ctx context.Context, r *fieldsRequest) (*cohortFieldsAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	names, err := a.Customers.MetadataFields(ctx, app.ID, r.Kind)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &cohortFieldsAnswer{}
	for _, name := range names {
		answer.Body.Fields = append(answer.Body.Fields, "metadata."+name)
	}
	answer.Body.Fields = append(answer.Body.Fields, cohorts.Fields(r.Kind)...)
	return answer, nil
}
