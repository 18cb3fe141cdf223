package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// documents answers with a document of each encoding.
func documents(w http.ResponseWriter, r *http.Request) {
	body, known := map[string]string{
		"/xml":     `<?xml version="1.0"?><!-- c --><user id="40"><name>Ann &amp; Bob</name><tag>a</tag><tag>b</tag><none/><deep><x y="1">z</x></deep></user>`,
		"/latin1":  "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><n>caf\xe9</n>",
		"/cut":     `<a><b>`,
		"/deep":    strings.Repeat("<a>", 20_000) + strings.Repeat("</a>", 20_000),
		"/wide":    `<l>` + strings.Repeat("<a>1</a>", 11_000) + `</l>`,
		"/bomb":    `<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>`,
		"/rss":     `<rss version="2.0"><channel><title>News</title><link>http://n</link><item><title>One</title><guid>1</guid></item><item><title>Two</title></item></channel></rss>`,
		"/atom":    `<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><title>E</title></entry></feed>`,
		"/yaml":    "id: 40\nprice: 1.50\nname: ann\nlist: [1, {a: b}]\nnone: ~\n1: one\nday: 2026-11-28\nnan: .nan\n---\nsecond: 1\n",
		"/yamls":   "- 1\n- a: 2\n",
		"/empty":   "",
		"/broken":  "a: [",
		"/json":    `{"id":40,"name":"Ann <b>","tags":["a","b"],"deep":{"x":null,"y":true,"list":[[1],[2,3]]},"odd key":"1","1st":2,"<evil>":"\u0000","empty":{},"none":[]}`,
		"/one":     `{"user":{"-id":"40","#text":"a<b"}}`,
		"/one-key": `{"list":[1,2]}`,
		"/null":    `null`,
		"/nothing": `{}`,
		"/numbers": `{"id":40,"text":"40","f":1.50,"list":[1,{"a":2}],"multi":"a\nb"}`,
	}[r.URL.Path]
	if !known {
		w.Header().Set("Content-Type", "text/x-reason")
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = io.WriteString(w, body)
}

func TestEncodingsOfBackendsAreDecoded(t *testing.T) {
	host := upstream(t, documents)
	type b = config.Backend
	const feedOf = `"feedType":"rss","feedVersion":"2.0"`
	for _, c := range []struct {
		name    string
		path    string
		backend b
		status  int
		text    string
	}{
		{"xml", "/xml", b{Encoding: "xml"}, 200, `{"user":{"-id":"40","deep":{"x":{"#text":"z","-y":"1"}},"name":"Ann \u0026 Bob","none":"","tag":["a","b"]}}`},
		{"xml target", "/xml", b{Encoding: "xml", Target: "user", Allow: []string{"name", "deep.x.-y"}}, 200, `{"deep":{"x":{"-y":"1"}},"name":"Ann \u0026 Bob"}`},
		{"xml collection", "/latin1", b{Encoding: "xml", IsCollection: true}, 200, `{"collection":{"n":"café"}}`},
		{"xml charset", "/latin1", b{Encoding: "xml"}, 200, `{"n":"café"}`},
		{"xml cut", "/cut", b{Encoding: "xml"}, 500, ``},
		{"xml empty", "/empty", b{Encoding: "xml"}, 500, ``},
		{"xml too deep", "/deep", b{Encoding: "xml"}, 500, ``},
		{"xml entities are not expanded", "/bomb", b{Encoding: "xml"}, 500, ``},
		{"xml only wide", "/wide", b{Encoding: "xml", Target: "l", Deny: []string{"a"}, Group: "g"}, 200, `{"g":{}}`},
		{"rss", "/rss", b{Encoding: "rss"}, 200, `{` + feedOf + `,"items":[{"guid":"1","title":"One"},{"title":"Two"}],"link":"http://n","links":["http://n"],"title":"News"}`},
		{"atom", "/atom", b{Encoding: "rss", Allow: []string{"title", "feedType", "items"}}, 200, `{"feedType":"atom","items":[{"title":"E"}],"title":"A"}`},
		{"no feed", "/xml", b{Encoding: "rss"}, 500, ``},
		{"rss too deep", "/deep", b{Encoding: "rss"}, 500, ``},
		{"yaml", "/yaml", b{Encoding: "yaml"}, 200, `{"1":"one","day":"2026-11-28T00:00:00Z","id":40,"list":[1,{"a":"b"}],"name":"ann","nan":"NaN","none":null,"price":1.5}`},
		{"yaml collection", "/yamls", b{Encoding: "yaml", IsCollection: true}, 200, `{"collection":[1,{"a":2}]}`},
		{"yaml list for object", "/yamls", b{Encoding: "yaml"}, 500, ``},
		{"yaml object for list", "/yaml", b{Encoding: "yaml", IsCollection: true}, 500, ``},
		{"yaml broken", "/broken", b{Encoding: "yaml"}, 500, ``},
		{"yaml empty", "/empty", b{Encoding: "yaml"}, 500, ``},
		{"unknown is json", "/nothing", b{Encoding: "odd"}, 200, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := serving(t, object("GET /a", host, c.path, func(e *config.Endpoint) {
				c.backend.URLPattern, c.backend.Hosts, c.backend.Method = c.path, e.Backends[0].Hosts, http.MethodGet
				e.Backends[0] = c.backend
			}))
			g.send(t, "GET /a", "").check(t, c.path, c.status, c.text, "")
		})
	}
}

func TestOutputEncodings(t *testing.T) {
	host := upstream(t, documents)
	xmlBackend := func(e *config.Endpoint) { e.Backends[0].Encoding = "xml" }
	yamlBackend := func(e *config.Endpoint) { e.Backends[0].Encoding = "yaml" }
	jsonBackend := func(e *config.Endpoint) { e.Backends[0].Encoding = "json" }
	details := func(e *config.Endpoint) { e.Backends[0].Encoding = "json"; e.Backends[0].ErrorDetails = "x" }
	const (
		typeXML  = "application/xml; charset=utf-8"
		typeYAML = "application/yaml; charset=utf-8"
		typeJSON = "application/json; charset=utf-8"
	)
	for _, c := range []struct {
		output, path string
		change       func(*config.Endpoint)
		accept       string
		text, typ    string
	}{
		{"xml", "/xml", xmlBackend, "", `<user id="40"><deep><x y="1">z</x></deep><name>Ann &amp; Bob</name><none/><tag>a</tag><tag>b</tag></user>`, typeXML},
		{"xml", "/json", jsonBackend, "", `<doc><_1st>2</_1st><_evil_>�</_evil_><deep><list><list>1</list></list><list><list>2</list><list>3</list></list><x/><y>true</y></deep><empty/><id>40</id><name>Ann &lt;b&gt;</name><none/><odd_key>1</odd_key><tags>a</tags><tags>b</tags></doc>`, typeXML},
		{"xml", "/one", jsonBackend, "", `<user id="40">a&lt;b</user>`, typeXML},
		{"xml", "/one-key", jsonBackend, "", `<doc><list>1</list><list>2</list></doc>`, typeXML},
		{"xml", "/null", jsonBackend, "", `<doc/>`, typeXML},
		{"xml", "/nothing", jsonBackend, "", `<doc/>`, typeXML},
		{"xml", "/404", details, "", `<error_x><http_body_encoding>text/x-reason</http_body_encoding><http_status_code>404</http_status_code></error_x>`, typeXML},

		{"yaml", "/numbers", jsonBackend, "", "f: \"1.50\"\nid: \"40\"\nlist:\n- \"1\"\n- a: \"2\"\nmulti: |-\n  a\n  b\ntext: \"40\"\n", typeYAML},
		{"yaml", "/yaml", yamlBackend, "", "\"1\": one\nday: \"2026-11-28T00:00:00Z\"\nid: 40\nlist:\n- 1\n- a: b\nname: ann\nnan: NaN\nnone: null\nprice: 1.5\n", typeYAML},
		{"yaml", "/nothing", jsonBackend, "", "{}\n", typeYAML},
		{"yaml", "/null", jsonBackend, "", "{}\n", typeYAML},
		{"yaml", "/404", details, "", "error_x:\n  http_status_code: 404\n  http_body_encoding: text/x-reason\n", typeYAML},

		{"odd", "/one", jsonBackend, "", `{"user":{"#text":"a\u003cb","-id":"40"}}`, typeJSON},
		{"odd", "/latin1", xmlBackend, "", `<n>café</n>`, typeXML},
		{"odd", "/yaml", func(e *config.Endpoint) { yamlBackend(e); e.Backends[0].Allow = []string{"id"} }, "", "id: 40\n", typeYAML},
		{"odd", "/rss", func(e *config.Endpoint) { e.Backends[0].Encoding = "rss"; e.Backends[0].Allow = []string{"title"} }, "", `{"title":"News"}`, typeJSON},
		{"odd", "/xml", func(e *config.Endpoint) { jsonBackend(e); e.Backends[0].URLPattern = "/one"; also("/one")(e) }, "", `{"user":{"#text":"a\u003cb","-id":"40"}}`, typeJSON},

		{"negotiate", "/one", jsonBackend, "", `{"user":{"#text":"a\u003cb","-id":"40"}}`, typeJSON},
		{"negotiate", "/one", jsonBackend, "application/xml", `<user id="40">a&lt;b</user>`, typeXML},
		{"negotiate", "/one", jsonBackend, "text/html,application/XML;q=0.9,*/*;q=0.8", `<user id="40">a&lt;b</user>`, typeXML},
		{"negotiate", "/one", jsonBackend, "text/plain", "user:\n  '#text': a<b\n  -id: \"40\"\n", typeYAML},
		{"negotiate", "/one", jsonBackend, "application/yaml", "user:\n  '#text': a<b\n  -id: \"40\"\n", typeYAML},
		{"negotiate", "/one", jsonBackend, "image/png, */*, application/xml", `{"user":{"#text":"a\u003cb","-id":"40"}}`, typeJSON},
		{"negotiate", "/one", jsonBackend, "image/png", `{"user":{"#text":"a\u003cb","-id":"40"}}`, typeJSON},
	} {
		t.Run(c.output+c.path+" "+c.accept, func(t *testing.T) {
			g := serving(t, endpointOf(c.output, "GET /a", host, c.path, c.change, cacheTTL(time.Minute)))
			var headers []string
			if c.accept != "" {
				headers = append(headers, "Accept: "+c.accept)
			}
			got := g.send(t, "GET /a", "", headers...)
			got.check(t, c.path, 200, c.text, "")
			if typ := got.Header.Get("Content-Type"); typ != c.typ {
				t.Errorf("Content-Type: %s, want %s", typ, c.typ)
			}
			if vary := got.Header.Get("Vary"); (vary == "Accept") != (c.output == "negotiate") {
				t.Errorf("Vary: %q", vary)
			}
		})
	}
}

func TestEncodingsAreMerged(t *testing.T) {
	host := upstream(t, documents)
	encoded := func(encoding string) func(*config.Backend) {
		return func(b *config.Backend) { b.Encoding = encoding }
	}
	g := serving(t, object("GET /a", host, "/one-key", also("/latin1", encoded("xml")), also("/yamls", func(b *config.Backend) { b.Encoding = "yaml"; b.IsCollection = true })))
	g.send(t, "GET /a", "").check(t, "/a", 200, `{"collection":[1,{"a":2}],"list":[1,2],"n":"café"}`, "true")
}
