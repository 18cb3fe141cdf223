package api

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/prometheus/client_golang/prometheus"
)

// withTraffic gives the API an event store with these calls, one a minute back
// from now, the first of them now.
func (g *governance) withTraffic(list ...wire.Event) {
	g.t.Helper()
	s, err := events.Open(filepath.Join(g.t.TempDir(), "events.duckdb"), events.Options{MemoryLimit: 256 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = s.Close() })
	now := time.Now()
	for i := range list {
		list[i].TransactionID = fmt.Sprintf("e%02d", i)
		list[i].Request.Time = now.Add(-time.Duration(i) * time.Minute)
		if list[i].Request.URI == "" {
			list[i].Request.URI, list[i].Request.Verb = "https://api.test/orders/1", "GET"
		}
	}
	app := g.options.Gate.Applications()[0]
	if err := s.Load(g.t.Context(), 0, []events.Block{{Seq: 1, App: app.ID, ReceivedAt: now, Events: list}}); err != nil {
		g.t.Fatal(err)
	}
	g.options.Events = s
	g.options.Metrics = prometheus.NewRegistry()
	g.handler = New(g.options)
}

func TestADraftIsTriedOnStoredCalls(t *testing.T) {
	g := openGovernance(t)
	g.withTraffic(
		wire.Event{CompanyID: "acme", Request: wire.Request{Body: []byte(`{"a":1}`), URI: "https://api.test/orders/2", Verb: "POST"}},
		wire.Event{CompanyID: "acme"},
		wire.Event{CompanyID: "bolt", UserID: "ada", Weight: 3},
		wire.Event{Request: wire.Request{URI: "https://api.test/things", Verb: "GET"}},
	)
	draft := `{"name":"no orders","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.route","value":"^/orders"}]}]}`
	got := g.expect(200, "POST", "/rules/dry-run?from=-1h", draft)
	calls := got["calls"].([]any)
	if got["applied"] != 5.0 || got["looked"] != 6.0 || got["company_count"] != 2.0 || got["complete"] != true || got["blocks"] != true || len(calls) != 3 {
		t.Errorf("got %v", got)
	}
	if c := fmt.Sprint(got["companies"]); c != "[map[calls:3 id:bolt] map[calls:2 id:acme]]" {
		t.Errorf("companies %s", c)
	}
	if first := calls[0].(map[string]any); first["transaction_id"] != "e00" || first["request"].(map[string]any)["body"] != nil {
		t.Errorf("the newest is %v", first)
	}
	// Of a body, too; and of a part of the time only.
	if got := g.expect(200, "POST", "/rules/dry-run", strings.Replace(draft, `"request.route","value":"^/orders"`, `"request.body.a","value":"1"`, 1)); got["applied"] != 1.0 {
		t.Errorf("by body: %v", got)
	}
	if got := g.expect(200, "POST", "/rules/dry-run?from=-90s", draft); got["applied"] != 2.0 {
		t.Errorf("of 90 seconds: %v", got)
	}
	if list := g.ids(); len(list) != 0 {
		t.Errorf("trying saved %v", list)
	}
	g.refused("POST", "/rules/dry-run", strings.Replace(draft, "^/orders", "(", 1), "body.regex_config[0].conditions[0].value")
	g.refused("POST", "/rules/dry-run?from=-91d", draft, "query.from")
	g.refused("POST", "/rules/dry-run?from=yesterday", draft, "query.from")
	g.expect(404, "POST", "/rules/dry-run?app=none", draft)
}

func TestARuleInShadowReportsSinceItIs(t *testing.T) {
	g := openGovernance(t)
	id := g.add(`{"name":"n","type":"company","state":"shadow","block":true,"customers":[{"id":"acme"}]}`)
	g.withTraffic(wire.Event{CompanyID: "acme"}, wire.Event{CompanyID: "acme"}, wire.Event{CompanyID: "bolt"})
	path := "/rules/" + id + "/dry-run"
	if got := g.expect(200, "GET", path, ""); got["applied"] != 1.0 { // the others are older
		t.Errorf("in shadow: %v", got)
	}
	if got := g.expect(200, "GET", path+"?from=-1h", ""); got["applied"] != 2.0 {
		t.Errorf("of an hour: %v", got)
	}
	g.expect(200, "PUT", "/rules/"+id+"/state", `{"state":"off"}`)
	if got := g.expect(200, "GET", path, ""); got["applied"] != 2.0 {
		t.Errorf("off: %v", got)
	}
	g.expect(404, "GET", "/rules/none/dry-run", "")
}

func TestAPreviewOfADraft(t *testing.T) {
	g := openGovernance(t)
	const draft = `{"name":"n","type":"user","block":true,"variables":[{"name":"plan","path":"body.plan"}],"customers":[{"id":"ada","values":{"plan":"free"}}],
		"response":{"status":402,"headers":{"x-plan":"{{plan}}"},"body":{"error":"no {{plan|such}} plan"}}}`
	got := g.expect(200, "POST", "/rules/preview", `{"customer":"ada","rule":`+draft+`}`)
	if fmt.Sprint(got) != "map[applies:true blocked:true body:map[error:no free plan] headers:map[Content-Type:application/json X-Plan:free] status:402]" {
		t.Errorf("got %v", got)
	}
	got = g.expect(200, "POST", "/rules/preview", `{"customer":"bob","values":{"plan":"gold"},"rule":`+strings.Replace(draft, `"block":true`, `"block":false`, 1)+`}`)
	if fmt.Sprint(got) != "map[applies:false blocked:false body:<nil> headers:map[X-Plan:gold] status:0]" {
		t.Errorf("got %v", got)
	}
	if got = g.expect(200, "POST", "/rules/preview", `{"rule":`+draft+`}`); fmt.Sprint(got["body"]) != "map[error:no such plan]" || got["applies"] != false {
		t.Errorf("got %v", got)
	}
	g.refused("POST", "/rules/preview", `{"rule":{"name":"n","type":"user","response":{"body":{"a":"`+strings.Repeat("b", 64<<10)+`"}}}}`, "body.response.body")
}
