package gateway

import (
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// limitedAsAWhole is a service of two endpoints, GET /a and GET /b, the second with
// this extra_config of its own.
func limitedAsAWhole(t *testing.T, host, service, b string) *config.Service {
	t.Helper()
	return fromFile(t, `{"version":3,"host":["HOST"],"extra_config":`+service+`,"endpoints":[
		{"endpoint":"/a","backend":[{"url_pattern":"/"}]},
		{"endpoint":"/b","extra_config":`+b+`,"backend":[{"url_pattern":"/"}]}]}`, host)
}

func TestTheServiceLimitCountsAllEndpointsTogether(t *testing.T) {
	host, calls := counting(t)
	h := &hand{}
	g := runAs(t, limitedAsAWhole(t, host, `{"qos/ratelimit/service":{"max_rate":2,"capacity":3}}`, `{}`), Options{now: h.now})
	for _, route := range []string{"GET /a", "GET /b", "GET /a"} {
		if got := g.send(t, route, ""); got.StatusCode != 200 {
			t.Fatalf("%s: got %d", route, got.StatusCode)
		}
	}
	bare(t, g.send(t, "GET /a", ""), 503)
	bare(t, g.send(t, "GET /b", ""), 503)
	if got := g.send(t, "GET /__health", ""); got.StatusCode != 200 {
		t.Errorf("health: got %d", got.StatusCode)
	}
	h.move(500 * time.Millisecond)
	if got := g.send(t, "GET /b", ""); got.StatusCode != 200 {
		t.Errorf("a token later: got %d", got.StatusCode)
	}
	if n := calls.Load(); n != 4 {
		t.Errorf("the backend has %d calls, want 4", n)
	}
}

func TestTheServiceLimitOfAClientAnswers429AndIsAskedFirst(t *testing.T) {
	host, _ := counting(t)
	h := &hand{}
	g := runAs(t, limitedAsAWhole(t, host, `{"qos/ratelimit/service":{"max_rate":4,"client_max_rate":1,"strategy":"header","key":"x-client"}}`,
		`{"qos/ratelimit/router":{"max_rate":2}}`), Options{now: h.now})
	if got := g.send(t, "GET /a", "", "X-Client: a"); got.StatusCode != 200 {
		t.Fatalf("got %d", got.StatusCode)
	}
	for range 5 { // these take nothing from the endpoint's bucket, nor from that of the service
		bare(t, g.send(t, "GET /b", "", "X-Client: a"), 429)
	}
	bare(t, g.send(t, "GET /b", ""), 429) // who does not say who it is
	for _, client := range []string{"b", "c"} {
		if got := g.send(t, "GET /b", "", "X-Client: "+client); got.StatusCode != 200 {
			t.Errorf("client %s: got %d", client, got.StatusCode)
		}
	}
	bare(t, g.send(t, "GET /b", "", "X-Client: d"), 503) // the endpoint's limit
	bare(t, g.send(t, "GET /a", "", "X-Client: e"), 503) // the service's: d was its fourth
}

// Chosen, since the reference has nothing of it: what no endpoint matches counts too,
// or a scanner would have the gateway for itself.
func TestTheServiceLimitCountsUnmatchedRequestsToo(t *testing.T) {
	host, _ := counting(t)
	c := newCollector(t)
	s := limitedAsAWhole(t, host, `{"qos/ratelimit/service":{"max_rate":3}}`, `{}`)
	s.Moesif = c.config()
	h := &hand{}
	g := runAs(t, s, Options{now: h.now})
	for _, want := range []struct {
		route, refused string
		status         int
	}{
		{"GET /none", moesif.NotFound, 404},
		{"PUT /a", moesif.MethodNotAllowed, 405},
		{"GET /A", redirected, 301},
		{"GET /none", moesif.RateLimited, 503},
		{"GET /a", moesif.RateLimited, 503},
	} {
		got := g.send(t, want.route, "")
		if want.status == 503 {
			bare(t, got, 503)
		}
		e := heard(t, c.events, "the event of "+want.route)
		if got.StatusCode != want.status || e.Metadata.Gatemeter.Refused != want.refused {
			t.Errorf("%s: got %d, refused %q, want %+v", want.route, got.StatusCode, e.Metadata.Gatemeter.Refused, want)
		}
	}
}
