package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

const byPlan = `{"qos/ratelimit/tiered":{"tier_key":"x-plan","tiers":[
	{"tier_value":"gold","ratelimit":{"max_rate":3}},
	{"tier_value":"hasHeader('X-Partner') && req_params['Id'] == '1'","tier_value_as":"policy","ratelimit":{"client_max_rate":10,"client_capacity":2,"strategy":"header","key":"X-Partner"}},
	{"tier_value":"free","tier_value_as":"literal"},
	{"tier_value_as":"*","ratelimit":{"max_rate":1}}]}}`

// pass sends n calls and tells how many are answered with 200; the others must have
// the status.
func (r *running) pass(t testing.TB, n, status int, route string, headers ...string) (passed int) {
	t.Helper()
	for range n {
		if got := r.send(t, route, "", headers...); got.StatusCode == 200 {
			passed++
		} else {
			bare(t, got, status)
		}
	}
	return passed
}

func TestTheFirstTierThatMatchesLimits(t *testing.T) {
	host, _ := counting(t)
	h := &hand{}
	g := runAs(t, limited(t, host, byPlan), Options{now: h.now})
	for _, tt := range []struct {
		name    string
		path    string
		headers []string
		status  int
		passed  int
	}{
		{"literal, all together", "/a/1", []string{"X-Plan: gold"}, 503, 3},
		{"policy, each partner", "/a/1", []string{"X-Partner: p"}, 429, 2},
		{"policy, another partner", "/a/1", []string{"X-Partner: q"}, 429, 2},
		{"a literal before the policy", "/a/1", []string{"X-Plan: gold", "X-Partner: p"}, 503, 0},
		{"a tier without a limit", "/a/2", []string{"X-Plan: free"}, 0, 5},
		{"everybody else", "/a/2", nil, 503, 1},
		{"whoever comes from elsewhere", "/a/2", []string{"X-Plan: GOLD"}, 503, 0},
	} {
		if got := g.pass(t, 5, tt.status, "GET "+tt.path, tt.headers...); got != tt.passed {
			t.Errorf("%s: %d calls of 5 pass, want %d", tt.name, got, tt.passed)
		}
	}
	h.move(time.Second)
	if got := g.pass(t, 5, 503, "GET /a/2"); got != 1 {
		t.Errorf("a second later %d pass", got)
	}
}

// The reference does not say: a caller of no tier is not limited.
func TestACallerOfNoTierIsNotLimited(t *testing.T) {
	host, _ := counting(t)
	h := &hand{}
	g := runAs(t, limited(t, host, `{"qos/ratelimit/tiered":{"tier_key":"X-Plan","tiers":[
		{"tier_value":"gold","ratelimit":{"max_rate":1}},
		{"tier_value":"req_headers['X-Absent'][0] == 'a'","tier_value_as":"policy","ratelimit":{"max_rate":1}}]}}`), Options{now: h.now})
	if got := g.pass(t, 5, 503, "GET /a/1"); got != 5 {
		t.Errorf("%d pass", got)
	}
	if got := g.pass(t, 5, 503, "GET /a/1", "X-Absent: a"); got != 1 {
		t.Errorf("of the policy's tier %d pass", got)
	}
}

func TestTiersOfTheServiceAreSharedByItsEndpoints(t *testing.T) {
	host, _ := counting(t)
	const endpoint = `"extra_config":{"qos/ratelimit/tiered":{"tier_key":"X-Plan","tiers":[{"tier_value":"gold","ratelimit":{"max_rate":2}}]}}`
	h := &hand{}
	g := runAs(t, fromFile(t, `{"version":3,"host":["HOST"],"endpoints":[
			{"endpoint":"/a","backend":[{"url_pattern":"/"}],`+endpoint+`},
			{"endpoint":"/b","backend":[{"url_pattern":"/"}],`+endpoint+`}],
		"extra_config":{"qos/ratelimit/tiered":{"tier_key":"X-Plan","tiers":[{"tier_value":"gold","ratelimit":{"max_rate":3}}]}}}`, host), Options{now: h.now})
	if got := g.pass(t, 5, 503, "GET /a", "X-Plan: gold"); got != 2 { // of the three tokens of the service one is lost
		t.Errorf("%d pass at the first endpoint", got)
	}
	if got := g.pass(t, 5, 503, "GET /b", "X-Plan: gold"); got != 0 {
		t.Errorf("%d pass at the second", got)
	}
	if got := g.pass(t, 5, 503, "GET /b", "X-Plan: other"); got != 5 {
		t.Errorf("%d of another tier pass", got)
	}
}

// sharedTiers is byPlan's kind of limit in Redis.
const sharedTiers = `{"qos/ratelimit/tiered":{"tier_key":"X-Plan","tiers":[
	{"tier_value":"gold","ratelimit_redis":{"connection_name":"main","max_rate":3,"on_failure_allow":ALLOW}},
	{"tier_value_as":"*","ratelimit_redis":{"connection_name":"main","client_max_rate":10,"client_capacity":2,"strategy":"header","key":"X-User","on_failure_allow":ALLOW}}]}}`

func sharing(t testing.TB, host, redis, allow string) *config.Service {
	t.Helper()
	tiers := strings.ReplaceAll(sharedTiers, "ALLOW", allow)
	return fromFile(t, `{"version":3,"host":["HOST"],
		"extra_config":{"redis":{"connection_pools":[{"name":"main","address":"`+redis+`","read_timeout":"5s"}]}},"endpoints":[
			{"endpoint":"/a","backend":[{"url_pattern":"/"}],"extra_config":`+tiers+`},
			{"endpoint":"/b","backend":[{"url_pattern":"/"}],"extra_config":`+tiers+`}]}`, host)
}

func TestTiersAreSharedThroughRedis(t *testing.T) {
	host, _ := counting(t)
	redis := redisServer(t)
	h := &hand{}
	one := runAs(t, sharing(t, host, redis, "false"), Options{now: h.now})
	two := runAs(t, sharing(t, host, redis, "false"), Options{now: h.now})
	for _, tt := range []struct {
		name    string
		g       *running
		path    string
		headers string
		status  int
		passed  int
	}{
		{"all together", one, "/a", "X-Plan: gold", 503, 3},
		{"at the other gateway", two, "/a", "X-Plan: gold", 503, 0},
		{"at another endpoint", two, "/b", "X-Plan: gold", 503, 3},
		{"a client", one, "/a", "X-User: u", 429, 2},
		{"at the other gateway", two, "/a", "X-User: u", 429, 0},
		{"another client", two, "/a", "X-User: v", 429, 2},
		{"a client that does not say who it is", two, "/a", "X-None: v", 429, 0},
	} {
		if got := tt.g.pass(t, 4, tt.status, "GET "+tt.path, tt.headers); got != tt.passed {
			t.Errorf("%s: %d calls of 4 pass, want %d", tt.name, got, tt.passed)
		}
	}
	h.move(time.Second)
	if got := two.pass(t, 4, 503, "GET /a", "X-Plan: gold"); got != 3 {
		t.Errorf("a second later %d pass", got)
	}
}

func TestTiersWithoutTheirRedis(t *testing.T) {
	host, _ := counting(t)
	nobody := freeAddress(t)
	for allow, want := range map[string]int{"false": 0, "true": 3} {
		g := run(t, sharing(t, host, nobody, allow))
		for _, header := range []string{"X-Plan: gold", "X-User: u"} {
			if got := g.pass(t, 3, 503, "GET /a", header); got != want {
				t.Errorf("on_failure_allow %s, %s: %d calls of 3 pass, want %d", allow, header, got, want)
			}
		}
	}
}
