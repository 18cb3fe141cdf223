package gateway

import "testing"

// A call counts for the quota of the service and for that of its endpoint; told is the
// one with less left. The reference does not say which: this is chosen.
func TestQuotasOfServiceAndEndpointBothCount(t *testing.T) {
	host, calls := counting(t)
	const all = `"tiers":[{"tier_value_as":"*","strategy":"header","key":"X-User","rule_name":"r"}]`
	h := &hand{}
	g := runAs(t, fromFile(t, `{"version":3,"host":["HOST"],"extra_config":{
			"governance/processors":{"quotas":[
				{"name":"wide","rules":[{"name":"r","limits":[{"amount":4,"unit":"minute"}]}]},
				{"name":"narrow","rules":[{"name":"r","limits":[{"amount":2,"unit":"hour"}]}]}]},
			"governance/quota":{"quota_name":"wide",`+all+`}},
		"endpoints":[
			{"endpoint":"/a","backend":[{"url_pattern":"/"}],"extra_config":{"governance/quota":{"quota_name":"narrow",`+all+`}}},
			{"endpoint":"/b","backend":[{"url_pattern":"/"}]}]}`, host), Options{now: h.now})
	for i, step := range []struct {
		route, user string
		status      int
		told        string
	}{
		{"GET /b", "ann", 200, "4 3"},
		{"GET /a", "ann", 200, "2 1"},
		{"GET /a", "ann", 200, "2 0"},
		{"GET /a", "ann", 429, "2 0 2800"}, // 22:13:20 to 23:00; the service's is used
		{"GET /b", "ann", 429, "4 0 40"},
		{"GET /b", "bob", 200, "4 3"},
		{"GET /none", "ann", 404, ""}, // quotas stand before endpoints
		{"GET /__health", "ann", 200, ""},
	} {
		got := g.send(t, step.route, "", "X-User: "+step.user)
		if got.StatusCode != step.status || told(got) != step.told {
			t.Errorf("step %d: got %d %q, want %d %q", i, got.StatusCode, told(got), step.status, step.told)
		}
	}
	if n := calls.Load(); n != 4 {
		t.Errorf("the backend has %d calls, want 4", n)
	}
}
