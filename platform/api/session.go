package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
)

// Session says who is signed in.
type Session struct {
	SignedIn      bool           `json:"signed_in" doc:"Whether anybody is signed in." example:"true"`
	Email         string         `json:"email" doc:"E-mail address of the person; empty for the administrator's token and before the first password." example:"ada@example.com"`
	NeedsPassword bool           `json:"needs_password" doc:"Whether to send e-mail and password next, with PUT /api/v1/me." example:"false"`
	Role          string         `json:"role" doc:"Role of the person; empty for tokens, while signed out and before the first password." example:"analyst"`
	Rights        []access.Right `json:"rights" nullable:"false" doc:"What whoever is signed in may do; see x-right of the operations." example:"[\"events:read\",\"charts:write\"]"`
	SingleSignOn  bool           `json:"single_sign_on" doc:"Whether one can sign in through an OpenID Connect issuer, at /api/v1/oidc/start." example:"false"`
	Version       string         `json:"version" doc:"Version of the platform; empty while signed out." example:"1.0.0"`
}

type sessionAnswer struct{ Body Session }

type signInRequest struct {
	Body struct {
		Token    string `json:"token,omitempty" maxLength:"200" doc:"The one-time token of the first sign-in. It stands in the log and in the file secrets of the data directory." example:"5VZWQLX7B2KJ4T6Y"`
		Email    string `json:"email,omitempty" maxLength:"320" doc:"E-mail address, together with password." example:"ada@example.com"`
		Password string `json:"password,omitempty" maxLength:"512" doc:"Password, together with email." example:"correct horse battery"`
	}
}

type meRequest struct {
	Body struct {
		Email    string `json:"email" maxLength:"320" doc:"E-mail address to sign in with." example:"ada@example.com"`
		Password string `json:"password" minLength:"10" maxLength:"512" doc:"New password. Changing it ends all other sessions of this person." example:"correct horse battery"`
	}
}

func (a *api) addSession() {
	tags := []string{"session"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-session", Method: http.MethodGet, Path: "/api/v1/session", Tags: tags, Metadata: public, Security: open,
		Summary: "Who is signed in", Description: "Answers 200 to those who are signed out as well.",
	}, func(ctx context.Context, _ *struct{}) (*sessionAnswer, error) {
		return a.session(principal(ctx)), nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/api/v1/session", Tags: tags, Metadata: public, Security: open,
		DefaultStatus: http.StatusOK, MaxBodyBytes: 16 << 10, Errors: []int{401, 422, 429},
		Summary: "Sign in", Description: "With the one-time token, which works once, or with e-mail and password. Sets the session's cookie. Wrong tries are limited.",
	}, func(ctx context.Context, r *signInRequest) (*sessionAnswer, error) {
		p, err := a.signIn(ctx, r)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.session(p), nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "sign-out", Method: http.MethodDelete, Path: "/api/v1/session", Tags: tags, Metadata: public, Security: open,
		DefaultStatus: http.StatusNoContent, Errors: []int{403},
		Summary: "Sign out",
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		if err := a.Gate.SignOut(ctx); err != nil {
			return nil, a.failure(ctx, err)
		}
		return nil, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "change-me", Method: http.MethodPut, Path: "/api/v1/me", Tags: tags, Metadata: own,
		MaxBodyBytes: 16 << 10, Errors: []int{401, 403, 409, 422},
		Summary: "Set e-mail and password", Description: "Of the person who is signed in. Whoever came in by the one-time token becomes the first person.",
	}, func(ctx context.Context, r *meRequest) (*sessionAnswer, error) {
		p, err := a.Gate.ChangeMe(ctx, principal(ctx), r.Body.Email, r.Body.Password)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return a.session(p), nil
	})
}

func (a *api) signIn(ctx context.Context, r *signInRequest) (access.Principal, error) {
	b := r.Body
	switch {
	case b.Token != "" && b.Email == "" && b.Password == "":
		return a.Gate.SignInByToken(ctx, b.Token, remote(ctx))
	case b.Token == "" && b.Email != "" && b.Password != "":
		return a.Gate.SignIn(ctx, b.Email, b.Password, remote(ctx))
	}
	return access.Principal{}, huma.Error422UnprocessableEntity("send either token, or email and password")
}

func (a *api) session(p access.Principal) *sessionAnswer {
	s := Session{
		SignedIn: p.SignedIn(), Email: p.Email, NeedsPassword: p.FirstRun, Role: string(p.Role), Rights: p.Rights().List(),
		SingleSignOn: a.Gate.SingleSignOn(),
	}
	if s.SignedIn {
		s.Version = a.Version
	}
	return &sessionAnswer{Body: s}
}
