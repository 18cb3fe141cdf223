package moesif

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// Event and rules see one address: the left-most of X-Forwarded-For, or with
// trusted proxies the right-most that is none of them.
func TestEventsAndRulesSeeTheClientBehindTrustedProxies(t *testing.T) {
	const client, proxy = "203.0.113.9", "192.0.2.1" // the recorder's peer is the proxy
	list := rules(`{"_id":"ip","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.ip_address","value":"^203\\.0\\.113\\.9$"}]}],"response":{"status":403}}`)
	for _, tt := range []struct {
		name, forwarded string
		trusted         []netip.Prefix
		want            string
	}{
		{"nobody is named", client + ", 198.51.100.7", nil, client},
		{"the peer is trusted", "198.51.100.7, " + client, []netip.Prefix{netip.MustParsePrefix(proxy + "/32")}, client},
		{"the peer is not trusted", client, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, proxy},
		{"made up by the client", client + ", 198.51.100.7", []netip.Prefix{netip.MustParsePrefix(proxy + "/32")}, "198.51.100.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := governed(t, "", list, "", func(o *Options) { o.TrustedProxies = tt.trusted })
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("X-Forwarded-For", tt.forwarded)
			w := ask(g, r, func(http.ResponseWriter, *http.Request) {})
			if e := g.one(t); e.Request.IPAddress != tt.want || (w.Code == 403) != (tt.want == client) {
				t.Errorf("the event has %s, answered %d; want %s", e.Request.IPAddress, w.Code, tt.want)
			}
		})
	}
}
