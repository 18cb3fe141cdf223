package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
)

// Person is somebody who can sign in.
type Person struct {
	ID           string    `json:"id" doc:"The person's id." example:"person_k3v9x2m7q4ts"`
	Email        string    `json:"email" doc:"E-mail address." example:"ada@example.com"`
	Role         string    `json:"role" doc:"owner, admin, analyst or read-only." example:"analyst"`
	CreatedAt    time.Time `json:"created_at" doc:"When the person joined." example:"2026-11-22T10:00:00Z"`
	Password     bool      `json:"password" doc:"Whether the person has a password." example:"true"`
	SingleSignOn bool      `json:"single_sign_on" doc:"Whether the person has signed in through the OpenID Connect issuer." example:"false"`
	You          bool      `json:"you" doc:"Whether it is who asks." example:"false"`
}

// Invitation is open until it is accepted or taken back, for seven days.
type Invitation struct {
	ID        string    `json:"id" doc:"The invitation's id." example:"invitation_k3v9x2m7q4ts"`
	Email     string    `json:"email" doc:"Who is invited." example:"bob@example.com"`
	Role      string    `json:"role" doc:"The role that the person will have." example:"read-only"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made." example:"2026-11-22T10:00:00Z"`
	ExpiresAt time.Time `json:"expires_at" doc:"When it ends." example:"2026-11-29T10:00:00Z"`
}

// NewInvitation is the only time that the token of an invitation is shown.
type NewInvitation struct {
	Invitation
	Token string `json:"token" doc:"What POST /api/v1/join takes, once. It cannot be read again. The link is the console's address followed by #/join?token= and this." example:"5VZWQLX7B2KJ4T6Y"`
}

type peopleAnswer struct {
	Body struct {
		People      []Person     `json:"people" nullable:"false" doc:"Everybody, those who came first at the front."`
		Invitations []Invitation `json:"invitations" nullable:"false" doc:"Open invitations, oldest first."`
	}
}

type inviteRequest struct {
	Body struct {
		Email string `json:"email" maxLength:"320" doc:"Who is invited." example:"bob@example.com"`
		Role  string `json:"role" enum:"owner,admin,analyst,read-only" doc:"The role that the person will have." example:"read-only"`
	}
}

type invitationAnswer struct{ Body NewInvitation }

type joinRequest struct {
	Body struct {
		Token    string `json:"token" maxLength:"200" doc:"The invitation's token." example:"5VZWQLX7B2KJ4T6Y"`
		Password string `json:"password" minLength:"10" maxLength:"512" doc:"Password to sign in with from now on." example:"correct horse battery"`
	}
}

// OfPerson says which person an operation is about.
type OfPerson struct {
	ID string `path:"id" maxLength:"64" doc:"The person's id." example:"person_k3v9x2m7q4ts"`
}

type roleRequest struct {
	OfPerson
	Body struct {
		Role string `json:"role" enum:"owner,admin,analyst,read-only" doc:"The new role. It counts from the next request on." example:"analyst"`
	}
}

type ofInvitation struct {
	ID string `path:"id" maxLength:"64" doc:"The invitation's id." example:"invitation_k3v9x2m7q4ts"`
}

func (a *api) addPeople() {
	tags := []string{"people"}
	needed := needs(access.WritePeople)
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-people", Method: http.MethodGet, Path: "/api/v1/people", Tags: tags, Metadata: needed, Errors: []int{401, 403, 503},
		Summary: "People and open invitations",
	}, a.listPeople)
	huma.Register(a.huma, huma.Operation{
		OperationID: "change-role", Method: http.MethodPut, Path: "/api/v1/people/{id}/role", Tags: tags, Metadata: needed, Errors: []int{401, 403, 404, 409, 422, 503},
		DefaultStatus: http.StatusNoContent, MaxBodyBytes: 16 << 10,
		Summary: "Change a role", Description: "The last owner stays one. Owners are changed by owners only.",
	}, func(ctx context.Context, r *roleRequest) (*struct{}, error) {
		return nil, a.orFailure(ctx, a.Gate.ChangeRole(ctx, principal(ctx), r.ID, access.Role(r.Body.Role)))
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "remove-person", Method: http.MethodDelete, Path: "/api/v1/people/{id}", Tags: tags, Metadata: needed, Errors: []int{401, 403, 404, 409, 503},
		DefaultStatus: http.StatusNoContent,
		Summary:       "Remove a person", Description: "Sessions, API tokens and open invitations of this person end at once. The last owner stays.",
	}, func(ctx context.Context, r *OfPerson) (*struct{}, error) {
		return nil, a.orFailure(ctx, a.Gate.RemovePerson(ctx, principal(ctx), r.ID))
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "invite", Method: http.MethodPost, Path: "/api/v1/invitations", Tags: tags, Metadata: needed, Errors: []int{401, 403, 409, 422, 503},
		DefaultStatus: http.StatusCreated, MaxBodyBytes: 16 << 10,
		Summary: "Invite somebody", Description: "Takes the place of an earlier invitation for the same address. Nothing is sent: hand the link on yourself.",
	}, func(ctx context.Context, r *inviteRequest) (*invitationAnswer, error) {
		i, token, err := a.Gate.Invite(ctx, principal(ctx), r.Body.Email, access.Role(r.Body.Role))
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &invitationAnswer{Body: NewInvitation{Invitation: invitationOf(i), Token: token}}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "uninvite", Method: http.MethodDelete, Path: "/api/v1/invitations/{id}", Tags: tags, Metadata: needed, Errors: []int{401, 403, 404, 503},
		DefaultStatus: http.StatusNoContent,
		Summary:       "Take an invitation back",
	}, func(ctx context.Context, r *ofInvitation) (*struct{}, error) {
		return nil, a.orFailure(ctx, a.Gate.Uninvite(ctx, principal(ctx), r.ID))
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "join", Method: http.MethodPost, Path: "/api/v1/join", Tags: tags, Metadata: public, Security: open, Errors: []int{401, 422, 429},
		DefaultStatus: http.StatusOK, MaxBodyBytes: 16 << 10,
		Summary: "Accept an invitation", Description: "Sets the session's cookie. Wrong tries are limited.",
	}, func(ctx context.Context, r *joinRequest) (*sessionAnswer, error) {
		p, err := a.Gate.Join(ctx, r.Body.Token, r.Body.Password, remote(ctx))
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.session(p), nil
	})
}

func (a *api) listPeople(ctx context.Context, _ *struct{}) (*peopleAnswer, error) {
	people, err := a.Gate.People(ctx)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	invitations, err := a.Gate.Invitations(ctx)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &peopleAnswer{}
	answer.Body.People = make([]Person, len(people))
	for i, p := range people {
		answer.Body.People[i] = Person{
			ID: p.ID, Email: p.Email, Role: string(p.Role), CreatedAt: p.CreatedAt, Password: p.Password, SingleSignOn: p.Issuer,
			You: p.ID == principal(ctx).Person,
		}
	}
	answer.Body.Invitations = make([]Invitation, len(invitations))
	for i, v := range invitations {
		answer.Body.Invitations[i] = invitationOf(v)
	}
	return answer, nil
}

func invitationOf(i access.Invitation) Invitation {
	return Invitation{ID: i.ID, Email: i.Email, Role: string(i.Role), CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt}
}

// orFailure turns an error into an answer, if there is one.
func (a *api) orFailure(ctx context.Context, err error) error {
	if err != nil {
		return a.failure(ctx, err)
	}
	return nil
}
