package modify

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/policy"
)

func checksOf(t testing.TB, expressions ...string) []*policy.Set {
	t.Helper()
	set := &policy.Set{Status: http.StatusUnauthorized}
	for _, expression := range expressions {
		c, err := policy.CompileCheck(expression)
		if err != nil {
			t.Fatal(err)
		}
		set.Checks = append(set.Checks, c)
	}
	return []*policy.Set{set}
}

func TestAClaimThatIsNotAsAskedIsABare401(t *testing.T) {
	claims := map[string]any{"role": "admin", "level": 3.0, "groups": []any{"a"}}
	seen := Seen{
		Client: func(*http.Request) string { return "192.0.2.1" },
		Path:   func(r *http.Request) string { return r.URL.Path },
		Claims: func(context.Context) map[string]any { return claims },
	}
	for expression, pass := range map[string]bool{
		`JWT.role == 'admin'`:                        true,
		`JWT.level > 2 && 'a' in JWT.groups`:         true,
		`JWT.role == req_params.Role`:                true,
		`has(JWT.sub)`:                               false,
		`JWT.sub == 'ann'`:                           false,
		`JWT.role == 'admin' && req_method == 'PUT'`: false,
	} {
		e := &config.Endpoint{Expressions: config.Expressions{TokenChecks: checksOf(t, expression)}}
		r, refusal := NewTokenCEL(e, []string{"role"}, seen, nil).Look(nil, httptest.NewRequest(http.MethodGet, "/", nil), []string{"admin"})
		if pass != (refusal == nil) || pass != (r != nil) {
			t.Errorf("%s: %+v", expression, refusal)
		}
		if refusal != nil && *refusal != (Refusal{Status: http.StatusUnauthorized, Reason: moesif.Unauthenticated, Bare: true}) {
			t.Errorf("%s: %+v", expression, refusal)
		}
	}
}

func TestWithoutExpressionsNothingStandsInTheWay(t *testing.T) {
	e := &config.Endpoint{Backends: []config.Backend{{}}}
	next := http.DefaultTransport
	if NewCEL(e, nil, Seen{}, nil) != nil || NewTokenCEL(e, nil, Seen{}, nil) != nil || NewKeepRequest(e, nil, Seen{}) != nil || NewSchema(e) != nil || NewLua(e.Lua, nil, 0, Scripts{}) != nil || NewLuaProxy(e, nil, Seen{}, Scripts{}) != nil || len(NewKeep(e, nil)) > 0 || Questions(&e.Backends[0], Calls(&e.Backends[0], next, Scripts{})) != next {
		t.Error("something does")
	}
}
