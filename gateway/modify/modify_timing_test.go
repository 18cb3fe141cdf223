package modify

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// BenchmarkLook is what each kind of check costs a request.
func BenchmarkLook(b *testing.B) {
	seen := Seen{Client: func(*http.Request) string { return "192.0.2.1" }, Path: func(r *http.Request) string { return r.URL.Path }}
	tree, err := parse.Parse(strings.NewReader(`local c = ctx.load() c:headers("X-A", c:params("id"))`), "pre")
	if err != nil {
		b.Fatal(err)
	}
	pre, err := lua.Compile(tree, "pre")
	if err != nil {
		b.Fatal(err)
	}
	const body = `{"n":12,"e":1,"u":[1,2,3],"p":"aaa"}`
	for name, c := range map[string]Check{
		"cel path":   NewCEL(&config.Endpoint{Expressions: config.Expressions{Checks: checksOf(b, `req_method == 'POST' && req_path.startsWith('/a')`)}}, []string{"id"}, seen, nil),
		"cel header": NewCEL(&config.Endpoint{Expressions: config.Expressions{Checks: checksOf(b, `hasHeader('X-Tenant')`)}, InputHeaders: []string{"X-Tenant"}}, []string{"id"}, seen, nil),
		"cel params": NewCEL(&config.Endpoint{Expressions: config.Expressions{Checks: checksOf(b, `int(req_params.Id) > 0`)}}, []string{"id"}, seen, nil),
		"schema":     NewSchema(&config.Endpoint{BodySchema: schemaOf(b, numbers)}),
		"lua":        NewLua(&config.Script{Pre: pre}, []string{"id"}, 1<<40, Scripts{Logger: slog.New(slog.DiscardHandler)}),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/a/7", nil)
			r.Header.Set("X-Tenant", "acme")
			w := httptest.NewRecorder()
			values := []string{"7"}
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(strings.NewReader(body))
				if _, refusal := c.Look(w, r, values); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}
