package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
)

// User is a row of the list of users.
type User struct {
	UserID    string `json:"user_id" doc:"The user's id." example:"ada"`
	Name      string `json:"name" doc:"From the profile's metadata; empty when unknown." example:"Ada Lovelace"`
	Email     string `json:"email" doc:"From the profile's metadata; empty when unknown." example:"ada@example.com"`
	CompanyID string `json:"company_id" doc:"The company the user belongs to; empty when unknown." example:"acme"`
	Usage
}

// UserProfile is what is known of a user.
type UserProfile struct {
	UserID    string          `json:"user_id" doc:"The user's id." example:"ada"`
	CompanyID string          `json:"company_id" doc:"The company the user belongs to; empty when unknown." example:"acme"`
	Name      string          `json:"name" doc:"From the metadata; empty when unknown." example:"Ada Lovelace"`
	Email     string          `json:"email" doc:"From the metadata; empty when unknown." example:"ada@example.com"`
	FirstSeen *time.Time      `json:"first_seen" doc:"The first call ever; null before it." example:"2026-10-01T08:30:00Z"`
	LastSeen  *time.Time      `json:"last_seen" doc:"The last call ever; null before the first." example:"2026-11-22T10:00:00.123456Z"`
	Metadata  json.RawMessage `json:"metadata" doc:"What was sent to the collector about the user, merged." example:"{\"name\":\"Ada Lovelace\"}"`
}

type usersRequest struct {
	Scope
	Listing
	Text      string `query:"q" maxLength:"1024" doc:"Only users with this text in id, name, e-mail or company, in any case." example:"ada"`
	CompanyID string `query:"company_id" maxLength:"1024" doc:"Only users of this company." example:"acme"`
}

type usersAnswer struct {
	Body struct {
		Users []User `json:"users" nullable:"false" doc:"Also those without calls within the range."`
		Next  string `json:"next" doc:"Cursor of the next page; empty at the end." example:""`
	}
}

type userAnswer struct{ Body UserProfile }

func (a *api) addUsers() {
	tags := []string{"customers"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/api/v1/users", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: []int{401, 404, 422, 503, 504},
		Summary: "Users and their usage", Description: "Of the last 30 days unless said otherwise. With company_id only calls made for that company count.",
	}, func(ctx context.Context, r *usersRequest) (*usersAnswer, error) {
		answer, err := a.users(ctx, r)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return answer, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-user", Method: http.MethodGet, Path: "/api/v1/users/{id}", Tags: tags, Metadata: needs(access.ReadCustomers), Errors: []int{401, 404, 422, 503},
		Summary: "What is known of a user",
	}, func(ctx context.Context, r *profileRequest) (*userAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		u, err := a.Customers.User(ctx, app.ID, r.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &userAnswer{Body: UserProfile{
			UserID: u.ID, CompanyID: u.CompanyID, Name: u.Name, Email: u.Email,
			FirstSeen: timeOrNull(u.FirstSeen), LastSeen: timeOrNull(u.LastSeen), Metadata: u.Metadata,
		}}, nil
	})
}

func (a *api) users(ctx context.Context, r *usersRequest) (*usersAnswer, error) {
	f, err := a.filter(r.Scope, Which{CompanyID: r.CompanyID}, customersRange)
	if err != nil {
		return nil, err
	}
	usage, err := a.usageByID(ctx, f, events.ByUser)
	if err != nil {
		return nil, err
	}
	named := r.named(r.Text)
	profiles, err := a.Customers.Users(ctx, f.App, named)
	if err != nil {
		return nil, err
	}
	for id := range missing(usage, profiles, func(u customers.User) string { return u.ID }) {
		profiles = append(profiles, customers.User{ID: id, CompanyID: r.CompanyID})
	}
	rows := make([]User, 0, len(profiles))
	for _, u := range profiles {
		calls, called := usage[u.ID]
		// Somebody who called for the company and moved on since is listed too.
		belongs := r.CompanyID == "" || u.CompanyID == r.CompanyID || called
		if belongs && contains(r.Text, u.ID, u.Name, u.Email, u.CompanyID) {
			rows = append(rows, User{UserID: u.ID, Name: u.Name, Email: u.Email, CompanyID: u.CompanyID, Usage: usageOf(calls, u.FirstSeen, u.LastSeen)})
		}
	}
	answer := &usersAnswer{}
	answer.Body.Users, answer.Body.Next, err = page(rows, func(u User) rank { return u.rank(u.UserID, u.Name) }, r.Listing)
	if err == nil && !named {
		err = label(ctx, a.Customers, f.App, customers.KindUser, answer.Body.Users, func(u *User) (string, *string, *string) { return u.UserID, &u.Name, &u.Email })
	}
	return answer, err
}
