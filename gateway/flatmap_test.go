package gateway

import (
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func ops(list ...[]string) []config.FlatmapOp {
	var all []config.FlatmapOp
	for _, words := range list {
		all = append(all, config.FlatmapOp{Type: words[0], Args: words[1:]})
	}
	return all
}

func TestFlatmapStandsForAllowDenyAndMapping(t *testing.T) {
	host := upstream(t, says)
	change := func(target string, list ...[]string) func(*config.Endpoint) {
		return func(e *config.Endpoint) {
			b := &e.Backends[0]
			b.Target, b.Group, b.Allow, b.Mapping = target, "g", []string{"a"}, map[string]string{"name": "n"}
			b.Proxy.Flatmap = ops(list...)
		}
	}
	g := serving(t,
		object("GET /a", host, "/user", change("", []string{"move", "address.city", "city"}, []string{"del", "tags.0", "odd", "g", "address"})),
		object("GET /target", host, "/user", change("address", []string{"move", "city", "town"})),
		object("GET /collection", host, "/list", func(e *config.Endpoint) {
			e.Backends[0].IsCollection = true
			e.Backends[0].Proxy.Flatmap = ops([]string{"del", "collection.0"})
		}),
		object("GET /null", host, "/null", func(e *config.Endpoint) { e.Backends[0].Proxy.Flatmap = ops([]string{"move", "a", "b"}) }))
	g.send(t, "GET /a", "").check(t, "/a", 200, `{"g":{"city":"Rome","gone":null,"id":7,"name":"ann","on":true,"tags":["y"]}}`, "true")
	g.send(t, "GET /target", "").check(t, "/target", 200, `{"g":{"town":"Rome"}}`, "true")
	g.send(t, "GET /collection", "").check(t, "/collection", 200, `{"collection":[2]}`, "true")
	g.send(t, "GET /null", "").check(t, "/null", 200, `null`, "false")
}

func TestFlatmapOfAnEndpointWorksOnSeveralBackends(t *testing.T) {
	host := upstream(t, says)
	filter := func(e *config.Endpoint) {
		e.Proxy.Flatmap = ops([]string{"move", "deep.x", "a"}, []string{"del", "both"}, []string{"move", "s", "t"})
	}
	g := serving(t,
		object("GET /two", host, "/a", also("/b"), filter),
		object("GET /sequence", host, "/a", also("/b"), filter, sequential),
		object("GET /one", host, "/a", filter),
		object("GET /partial", host, "/a", also("/404"), filter),
		object("GET /failed", host, "/404", also("/404"), filter),
		object("GET /static", host, "/a", also("/b"), filter, staticData("always")))
	g.send(t, "GET /two", "").check(t, "/two", 200, `{"a":1,"b":2,"deep":{"y":2}}`, "true")
	g.send(t, "GET /sequence", "").check(t, "/sequence", 200, `{"a":1,"b":2,"deep":{"y":2}}`, "true")
	g.send(t, "GET /one", "").check(t, "/one", 200, `{"a":1,"both":"a"}`, "true")
	g.send(t, "GET /partial", "").check(t, "/partial", 200, `{"a":1,"both":"a"}`, "false")
	g.send(t, "GET /failed", "").check(t, "/failed", 500, ``, "false")
	g.send(t, "GET /static", "").check(t, "/static", 200, `{"a":1,"b":2,"both":"static","deep":{"y":2},"s":[1]}`, "true")
}
