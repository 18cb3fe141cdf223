package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/platform/cohorts"
)

// Paging says which piece of a list to return.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many to return at most." example:"100"`
	Cursor string `query:"cursor" maxLength:"8192" doc:"The member next of the page before." example:""`
}

type membersRequest struct {
	OfCohort
	Paging
}

type membersAnswer struct {
	Body struct {
		Members []CohortMember `json:"members" nullable:"false" doc:"Who entered last first."`
		Next    string         `json:"next" doc:"Cursor of the next page; empty at the end." example:""`
	}
}

type changesRequest struct {
	OfApp
	Paging
	Cohort string `query:"cohort" maxLength:"64" doc:"Only of this cohort." example:"co_64ca685a833073c6b41b15f3"`
	User   string `query:"user_id" maxLength:"1024" doc:"Only of this user." example:"ada"`
	Comp   string `query:"company_id" maxLength:"1024" doc:"Only of this company." example:"acme"`
}

type changesAnswer struct {
	Body struct {
		Changes []CohortChange `json:"changes" nullable:"false" doc:"The latest first."`
		Next    string         `json:"next" doc:"Cursor of the next page; empty at the end." example:""`
	}
}

func (a *api) cohortMembers(ctx context.Context, r *membersRequest) (*membersAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	c, err := a.Cohorts.Cohort(ctx, app.ID, r.ID)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	after, err := parseAfter(r.Cursor)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	list, err := a.Cohorts.Members(ctx, c, after, r.Limit)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &membersAnswer{}
	answer.Body.Members = membersOf(list)
	if n := len(list); n == r.Limit {
		last := list[n-1]
		answer.Body.Next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%s", last.EnteredAt.UnixMicro(), last.ID))
	}
	return answer, nil
}

func parseAfter(cursor string) (after cohorts.After, err error) {
	if cursor == "" {
		return after, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	at, id, found := strings.Cut(string(raw), ":")
	us, wrong := strconv.ParseInt(at, 10, 64)
	if err != nil || wrong != nil || !found || id == "" {
		return after, unprocessable("query.cursor", "is not one of a page of members")
	}
	return cohorts.After{EnteredAt: time.UnixMicro(us), ID: id}, nil
}

func (a *api) cohortChanges(ctx context.Context, r *changesRequest) (*changesAnswer, error) {
	app, err := a.application(r.App)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	which := cohorts.Which{Cohort: r.Cohort}
	switch {
	case r.User != "" && r.Comp != "":
		return nil, unprocessable("query.user_id", "say either user_id or company_id")
	case r.User != "":
		which.Kind, which.Customer = cohorts.Users, r.User
	case r.Comp != "":
		which.Kind, which.Customer = cohorts.Companies, r.Comp
	}
	before := int64(0)
	if r.Cursor != "" {
		if before, err = strconv.ParseInt(r.Cursor, 10, 64); err != nil || before < 1 {
			return nil, unprocessable("query.cursor", "is not one of a page of changes")
		}
	}
	list, err := a.Cohorts.Changes(ctx, app.ID, which, before, r.Limit)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &changesAnswer{}
	if answer.Body.Changes, err = a.changesOf(ctx, app.ID, list); err != nil {
		return nil, a.failure(ctx, err)
	}
	if n := len(list); n == r.Limit {
		answer.Body.Next = strconv.FormatInt(list[n-1].Number, 10)
	}
	return answer, nil
}

// changesOf adds the customers' names.
func (a *api) changesOf(ctx context.Context, app string, list []cohorts.Change) ([]CohortChange, error) {
	ids := map[string][]string{}
	for _, h := range list {
		ids[h.Kind] = append(ids[h.Kind], h.Customer)
	}
	shown := make([]CohortChange, len(list))
	for i, h := range list {
		shown[i] = CohortChange{
			Number: h.Number, CohortID: h.Cohort, CohortName: h.Name, Kind: h.Kind, ID: h.Customer, Entered: h.Entered, Edited: h.Edited, At: h.At,
		}
	}
	for kind, of := range ids {
		labels, err := a.Customers.Labels(ctx, app, kind, of)
		if err != nil {
			return nil, err
		}
		for i := range shown {
			if shown[i].Kind == kind {
				shown[i].Name = labels[shown[i].ID].Name
			}
		}
	}
	return shown, nil
}
