package demo

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
)

// call is one thing a customer does with the Shop API of examples/krakend.json.
type call struct {
	weight  int    // how often, against the others
	route   string // the endpoint's pattern
	method  string
	path    func(c Customer, r *rand.Rand) string
	body    func(c Customer, r *rand.Rand) string // nil: none
	bearer  bool                                  // needs a token
	basic   bool                                  // needs Basic authentication
	latency float64                               // milliseconds, in the made-up history
	status  func(r *rand.Rand) int                // in the made-up history
}

func always(status int) func(*rand.Rand) int { return func(*rand.Rand) int { return status } }

func at(path string) func(Customer, *rand.Rand) string {
	return func(Customer, *rand.Rand) string { return path }
}

func numbered(prefix string, n int) func(Customer, *rand.Rand) string {
	return func(_ Customer, r *rand.Rand) string { return fmt.Sprintf("%s%d", prefix, 1000+r.IntN(n)) }
}

func order(_ Customer, r *rand.Rand) string {
	return fmt.Sprintf(`{"items":[{"sku":"%04d","quantity":%d}],"total":"%d.%02d","currency":"EUR","payment":{"card":"4111111111111111","name":"J. Doe"}}`,
		r.IntN(9000), 1+r.IntN(5), 5+r.IntN(400), r.IntN(100))
}

var searches = []string{"lamp", "oak table", "drone battery", "blue paint", "coffee", "rope 20m", "garden chair"}

var usual = []call{
	{weight: 20, route: "/catalog", method: "GET", path: at("/catalog"), latency: 3, status: always(200)},
	{weight: 30, route: "/products/{id}", method: "GET", path: numbered("/products/", 200), latency: 4, status: always(200)},
	{weight: 15, route: "/search", method: "GET", latency: 9, status: always(200), path: func(_ Customer, r *rand.Rand) string {
		return "/search?q=" + url.QueryEscape(searches[r.IntN(len(searches))]) + fmt.Sprintf("&page=%d", 1+r.IntN(4))
	}},
	{weight: 12, route: "/orders", method: "POST", path: at("/orders"), body: order, latency: 14, status: always(200)},
	{weight: 14, route: "/orders/{id}", method: "GET", path: numbered("/orders/", 900), latency: 5, status: always(200)},
	{weight: 4, route: "/orders/{id}", method: "PUT", path: numbered("/orders/", 900), body: order, latency: 11, status: always(200)},
	{weight: 2, route: "/orders/{id}", method: "DELETE", path: numbered("/orders/", 900), latency: 6, status: always(204)},
	{weight: 6, route: "/account", method: "GET", path: at("/account"), bearer: true, latency: 3, status: always(200)},
	{weight: 5, route: "/billing/{user}", method: "GET", basic: true, latency: 4, status: always(200), path: func(c Customer, _ *rand.Rand) string {
		return "/billing/" + c.ID
	}},
	{weight: 3, route: "/reports/{month}", method: "GET", latency: 810, status: always(200), path: func(_ Customer, r *rand.Rand) string {
		return fmt.Sprintf("/reports/2026-%02d", 1+r.IntN(12))
	}},
	{weight: 2, route: "/photos/{format}", method: "GET", path: at("/photos/png"), latency: 5, status: always(200)},
	{weight: 1, route: "/ticks", method: "GET", path: at("/ticks"), latency: 2004, status: always(200)},
	{weight: 4, route: "/payments", method: "POST", path: at("/payments"), body: order, latency: 7, status: flaky},
	{weight: 1, route: "", method: "GET", path: at("/favicon.ico"), latency: 0.2, status: always(404)},
}

// broken is what a failing customer calls most of the time.
var broken = []call{
	{weight: 6, route: "/legacy", method: "GET", path: at("/legacy"), latency: 3, status: always(503)},
	{weight: 4, route: "/payments", method: "POST", path: at("/payments"), body: order, latency: 7, status: flaky},
	{weight: 2, route: "", method: "GET", path: at("/v1/orders"), latency: 0.2, status: always(404)},
}

func flaky(r *rand.Rand) int {
	if r.Float64() < 0.35 {
		return 500
	}
	return 200
}

// choose picks what c does next.
func choose(c Customer, r *rand.Rand) call {
	from := usual
	if c.Habit == Failing && r.Float64() < 0.6 {
		from = broken
	}
	for {
		k := pick(from, r)
		if (!k.bearer || c.Credential == Bearer) && (!k.basic || c.Credential == Basic) {
			return k
		}
	}
}

func pick(from []call, r *rand.Rand) call {
	sum := 0
	for _, k := range from {
		sum += k.weight
	}
	n := r.IntN(sum)
	for _, k := range from {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	return from[len(from)-1]
}

// target is the request's path and query, the company named in it as the example
// configuration expects.
func (k call) target(c Customer, r *rand.Rand) string {
	path := k.path(c, r)
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + "company=" + url.QueryEscape(c.Company.ID)
}

// headers returns what c sends with the call, credentials included.
func (k call) headers(c Customer) http.Header {
	h := http.Header{"User-Agent": {"shop-client/2.1"}, "Accept": {"application/json"}}
	if a := c.Authorization(); a != "" {
		h.Set("Authorization", a)
	} else {
		h.Set("X-User-Id", c.ID)
	}
	if k.body != nil {
		h.Set("Content-Type", "application/json")
	}
	return h
}
