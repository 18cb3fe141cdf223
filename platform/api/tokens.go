package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
)

// Token is a bearer token of a program.
type Token struct {
	ID        string         `json:"id" doc:"The token's id. It is not the secret." example:"token_k3v9x2m7q4ts"`
	Name      string         `json:"name" doc:"Name for people." example:"nightly export"`
	Scopes    []access.Right `json:"scopes" nullable:"false" doc:"What it may do, as long as its maker may do the same." example:"[\"events:read\"]"`
	CreatedBy string         `json:"created_by" doc:"E-mail address of its maker; empty for the administrator's token. It ends when its maker is removed." example:"ada@example.com"`
	CreatedAt time.Time      `json:"created_at" doc:"When it was made." example:"2026-11-22T10:00:00Z"`
	ExpiresAt *time.Time     `json:"expires_at" doc:"When it ends; null is never." example:"2027-11-22T10:00:00Z"`
	LastUsed  *time.Time     `json:"last_used_at" doc:"When it was used last, to a minute; null is not yet." example:"2026-11-23T02:00:00Z"`
}

// NewToken is the only time that the secret of a token is shown.
type NewToken struct {
	Token
	Secret string `json:"secret" doc:"What to send as Authorization: Bearer. It cannot be read again." example:"gmt_5VZWQLX7B2KJ4T6Y"`
}

// TokenScope is a right, as a token can have it.
type TokenScope struct {
	Scope access.Right `json:"scope" doc:"Its name." example:"rules:write"`
	Means string       `json:"means" doc:"What it lets one do." example:"Change governance rules and sampling"`
	Role  access.Role  `json:"role" doc:"The lowest role that has it." example:"admin"`
	Yours bool         `json:"yours" doc:"Whether who asks has it, and can give it to a token." example:"true"`
}

type tokensAnswer struct {
	Body struct {
		Tokens []Token      `json:"tokens" nullable:"false" doc:"API tokens, newest first."`
		Scopes []TokenScope `json:"scopes" nullable:"false" doc:"All scopes there are."`
	}
}

type addTokenRequest struct {
	Body struct {
		Name      string         `json:"name" maxLength:"800" doc:"Name for people, 1 to 200 characters." example:"nightly export"`
		Scopes    []access.Right `json:"scopes" maxItems:"100" nullable:"false" doc:"What it may do: only what its maker may." example:"[\"events:read\"]"`
		ExpiresAt *time.Time     `json:"expires_at" required:"false" doc:"When it ends, within five years; null or left out is never." example:"2027-11-22T10:00:00Z"`
	}
}

type tokenAnswer struct{ Body NewToken }

type ofToken struct {
	ID string `path:"id" maxLength:"64" doc:"The token's id." example:"token_k3v9x2m7q4ts"`
}

func (a *api) addTokens() {
	tags := []string{"tokens"}
	needed := needs(access.WriteTokens)
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Tags: tags, Metadata: needed, Errors: []int{401, 403, 503},
		Summary: "API tokens",
	}, a.listTokens)
	huma.Register(a.huma, huma.Operation{
		OperationID: "add-token", Method: http.MethodPost, Path: "/api/v1/tokens", Tags: tags, Metadata: needed, Errors: []int{401, 403, 422, 503},
		DefaultStatus: http.StatusCreated, MaxBodyBytes: 16 << 10,
		Summary: "Create an API token", Description: "The answer is the only place where its secret is shown.",
	}, func(ctx context.Context, r *addTokenRequest) (*tokenAnswer, error) {
		var life time.Duration
		if at := r.Body.ExpiresAt; at != nil {
			if life = at.Sub(a.Clock()); life <= 0 {
				return nil, unprocessable("body.expires_at", "must be in the future, and within five years")
			}
		}
		t, secret, err := a.Gate.AddToken(ctx, principal(ctx), r.Body.Name, r.Body.Scopes, life)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &tokenAnswer{Body: NewToken{Token: tokenOf(t), Secret: secret}}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", Tags: tags, Metadata: needed, Errors: []int{401, 403, 404, 503},
		DefaultStatus: http.StatusNoContent,
		Summary:       "Revoke an API token", Description: "At once.",
	}, func(ctx context.Context, r *ofToken) (*struct{}, error) {
		return nil, a.orFailure(ctx, a.Gate.RevokeToken(ctx, r.ID))
	})
}

func (a *api) listTokens(ctx context.Context, _ *struct{}) (*tokensAnswer, error) {
	tokens, err := a.Gate.Tokens(ctx)
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	answer := &tokensAnswer{}
	answer.Body.Tokens = make([]Token, len(tokens))
	for i, t := range tokens {
		answer.Body.Tokens[i] = tokenOf(t)
	}
	for _, right := range access.AllRights().List() {
		answer.Body.Scopes = append(answer.Body.Scopes, TokenScope{Scope: right, Means: right.Means(), Role: right.Lowest(), Yours: principal(ctx).May(right)})
	}
	return answer, nil
}

func tokenOf(t access.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes.List(), CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt,
		ExpiresAt: timeOrNull(t.ExpiresAt), LastUsed: timeOrNull(t.LastUsed),
	}
}
