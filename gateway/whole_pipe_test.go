package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// TestWholeFilesRun reads a file as an operator writes it, with all that a pipe can do.
func TestWholeFilesRun(t *testing.T) {
	shadowed := make(chan string, 1)
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/log/"):
			shadowed <- r.URL.Path
		case r.URL.Path == "/xml" || r.URL.Path == "/rss":
			documents(w, r)
		default:
			tells(w, r)
		}
	})
	s, err := config.Parse("krakend.json", []byte(strings.ReplaceAll(wholeFile, "HOST", host)), nil)
	if err != nil || len(s.Warnings) > 0 {
		t.Fatal(err, s)
	}
	g := run(t, s)
	g.send(t, "GET /profile/7", "").check(t, "/profile", 200,
		`{"city":"Rome","uri":"/tell/ann?q=7","user":{"gone":null,"id":7,"name":"ann","on":true}}`, "true")
	g.send(t, "GET /front", "").check(t, "/front", 200,
		`{"collection":[1,2],"error_gone":{"http_status_code":404,"http_body":"no /404","http_body_encoding":"text/x-reason"},"feed":{"title":"News"},"who":"Ann \u0026 Bob"}`, "false")
	if got := heard(t, shadowed, "the shadow"); got != "/log/front" {
		t.Errorf("the shadow was asked for %s", got)
	}
	got := g.send(t, "GET /broken", "", "Accept: application/xml")
	got.check(t, "/broken", 200, `<note>try again</note>`, "false")
}

const wholeFile = `{
	"version": 3,
	"timeout": "10s",
	"cache_ttl": "60s",
	"host": ["HOST"],
	"endpoints": [
		{
			"endpoint": "/profile/{id}",
			"extra_config": {"proxy": {
				"sequential": true,
				"static": {"strategy": "incomplete", "data": {"note": "try again"}},
				"flatmap_filter": [{"type": "move", "args": ["user.address.city", "city"]}, {"type": "del", "args": ["user.address", "user.tags", "user.odd"]}]
			}},
			"backend": [
				{"url_pattern": "/user?id={id}", "group": "user"},
				{"url_pattern": "/tell/{resp0_user.name}?q={id}", "allow": ["uri"]}
			]
		},
		{
			"endpoint": "/front",
			"concurrent_calls": 2,
			"backend": [
				{"url_pattern": "/xml", "encoding": "xml", "target": "user", "mapping": {"name": "who"}, "allow": ["name"]},
				{"url_pattern": "/rss", "encoding": "rss", "group": "feed", "allow": ["title"]},
				{"url_pattern": "/list", "is_collection": true},
				{"url_pattern": "/404", "extra_config": {"backend/http": {"return_error_details": "gone"}}},
				{"url_pattern": "/log/front", "extra_config": {"proxy": {"shadow": true, "shadow_timeout": "5s"}}}
			]
		},
		{
			"endpoint": "/broken",
			"output_encoding": "negotiate",
			"extra_config": {"proxy": {"static": {"data": {"note": "try again"}}}},
			"backend": {"url_pattern": "/404"}
		}
	]
}`
