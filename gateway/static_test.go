package gateway

import (
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func staticData(strategy string) func(*config.Endpoint) {
	return func(e *config.Endpoint) {
		e.Proxy.Static = &config.Static{Strategy: strategy, Data: map[string]any{"both": "static", "s": []any{1}}}
	}
}

func TestStaticDataIsAddedByItsStrategy(t *testing.T) {
	host := upstream(t, says)
	details := func(b *config.Backend) { b.ErrorDetails = "x" }
	const (
		with    = `{"a":1,"both":"static","s":[1]}`
		without = `{"a":1,"both":"a"}`
		alone   = `{"both":"static","s":[1]}`
		detail  = `"error_x":{"http_status_code":404,"http_body":"no /404","http_body_encoding":"text/x-reason"}`
	)
	for strategy, want := range map[string]struct{ ok, partial, failed, details string }{
		"always":     {with, with, alone, `{"both":"static",` + detail + `,"s":[1]}`},
		"success":    {with, without, "", `{"both":"static",` + detail + `,"s":[1]}`},
		"errored":    {without, with, alone, `{` + detail + `}`},
		"complete":   {with, without, "", `{` + detail + `}`},
		"incomplete": {without, with, alone, `{"both":"static",` + detail + `,"s":[1]}`},
		"odd":        {with, with, alone, `{"both":"static",` + detail + `,"s":[1]}`},
	} {
		static, ttl := staticData(strategy), cacheTTL(time.Minute)
		code := func(e *config.Endpoint) { e.Backends[0].ReturnErrorCode = true }
		g := serving(t,
			object("GET /ok", host, "/a", static, ttl),
			object("GET /partial", host, "/a", also("/404"), static, ttl),
			object("GET /failed", host, "/404", static, ttl),
			object("GET /coded", host, "/404", static, code),
			object("GET /all-failed", host, "/404", also("/404"), static),
			object("GET /in-sequence", host, "/404", also("/a"), sequential, static),
			object("GET /details", host, "/404", static, func(e *config.Endpoint) { details(&e.Backends[0]) }))
		got := g.send(t, "GET /ok", "")
		got.check(t, strategy+" ok", 200, want.ok, "true")
		if got.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%s: no Cache-Control", strategy)
		}
		g.send(t, "GET /partial", "").check(t, strategy+" partial", 200, want.partial, "false")
		g.send(t, "GET /details", "").check(t, strategy+" details", 200, want.details, "false")
		for _, path := range []string{"/failed", "/coded", "/all-failed", "/in-sequence"} {
			status := 200
			if want.failed == "" {
				status = 500
				if path == "/coded" {
					status = 404
				}
			}
			g.send(t, "GET "+path, "").check(t, strategy+" "+path, status, want.failed, "false")
		}
	}
}

func TestStaticDataTakesTheEmptyPlace(t *testing.T) {
	host := upstream(t, says)
	g := serving(t, object("GET /null", host, "/null", staticData("always")), object("GET /target", host, "/a", staticData("always"), func(e *config.Endpoint) { e.Backends[0].Target = "none" }))
	for _, path := range []string{"/null", "/target"} {
		g.send(t, "GET "+path, "").check(t, path, 200, `{"both":"static","s":[1]}`, "true")
	}
}
