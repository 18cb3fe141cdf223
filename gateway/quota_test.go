package gateway

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// redisServer starts a Redis of the test's own, with more arguments, and gives its
// address.
func redisServer(t *testing.T, more ...string) string {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("the tests of quotas need redis-server (deploy/need.sh redis)")
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(program, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, more...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	listens(t, address)
	return address
}

// listens waits until somebody does.
func listens(t *testing.T, address string) {
	t.Helper()
	settles(t, address+" listens", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// freeAddress is one where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// plans are the processors of these tests.
const plans = `"redis":{"connection_pools":[{"name":"main","address":"REDIS","read_timeout":"5s"}]},
	"governance/processors":{"quotas":[{"name":"api",CONNECTION "rules":[
		{"name":"gold","limits":[{"amount":5,"unit":"minute"},{"amount":8,"unit":"day"}]},
		{"name":"free","limits":[{"amount":1,"unit":"hour"}]}]}]}`

// quota is a service with one endpoint, GET /a/{id}, and this extra_config, whose
// quotas are in memory or, with an address, in Redis.
func quota(t testing.TB, host, redis, endpoint string) *config.Service {
	t.Helper()
	return fromFile(t, `{"version":3,"host":["HOST"],"extra_config":{`+plansIn(redis)+`},
		"endpoints":[{"endpoint":"/a/{id}","input_headers":["*"],"backend":[{"url_pattern":"/{id}"}],"extra_config":`+endpoint+`}]}`, host)
}

// plansIn gives the processors in memory or, with an address, in Redis.
func plansIn(redis string) string {
	if redis == "" {
		_, processors, _ := strings.Cut(plans, "\n")
		return strings.Replace(processors, "CONNECTION", "", 1)
	}
	return strings.NewReplacer("REDIS", redis, "CONNECTION", `"connection_name":"main",`).Replace(plans)
}

const byUser = `{"governance/quota":{"quota_name":"api","tier_key":"X-Plan","tiers":[
	{"rule_name":"gold","tier_value":"gold","strategy":"header","key":"X-User"},
	{"rule_name":"free","tier_value":"free","strategy":"param","key":"id"},
	{"rule_name":"free","tier_value":"hasHeader('X-Trial')","tier_value_as":"policy","strategy":"ip"}]}}`

// inMemoryAndRedis runs a test with quotas in both.
func inMemoryAndRedis(t *testing.T, f func(t *testing.T, redis string)) {
	t.Run("memory", func(t *testing.T) { f(t, "") })
	t.Run("redis", func(t *testing.T) { f(t, redisServer(t)) })
}

// told are the headers a quota adds: limit, remaining, seconds to wait.
func told(got reply) string {
	h := got.Header
	return strings.TrimSpace(fmt.Sprint(h.Get("X-Quota-Limit"), " ", h.Get("X-Quota-Remaining"), " ", h.Get("Retry-After")))
}

// 429 for what is used up is chosen, the reference is unsure of it (KrakenD v3, 5). The
// clock of these tests stands at 22:13:20 in UTC at the start.
func TestQuotasAreUsedUp(t *testing.T) {
	host, calls := counting(t)
	inMemoryAndRedis(t, func(t *testing.T, redis string) {
		calls.Store(0)
		h := &hand{}
		g := runAs(t, quota(t, host, redis, byUser), Options{now: h.now})
		gold := []string{"X-Plan: gold", "X-User: u"}
		for i, step := range []struct {
			after  time.Duration
			path   string
			header []string
			status int
			told   string
		}{
			{0, "/a/1", gold, 200, "5 4"}, // the limit with the least left
			{0, "/a/1", gold, 200, "5 3"},
			{0, "/a/1", gold, 200, "5 2"},
			{0, "/a/1", gold, 200, "5 1"},
			{0, "/a/1", gold, 200, "5 0"},
			{500 * time.Millisecond, "/a/1", gold, 429, "5 0 40"},
			{0, "/a/1", []string{"X-Plan: gold", "X-User: v"}, 200, "5 4"},
			{40 * time.Second, "/a/1", gold, 200, "8 2"}, // what was refused took nothing from the day
			{0, "/a/1", gold, 200, "8 1"},
			{0, "/a/1", gold, 200, "8 0"},
			{0, "/a/1", gold, 429, "8 0 6360"}, // 22:14:00.5 to midnight
			{2 * time.Hour, "/a/1", gold, 200, "5 4"},
			{0, "/a/7", []string{"X-Plan: free"}, 200, "1 0"},
			{0, "/a/7", []string{"X-Plan: free"}, 429, "1 0 2760"},
			{0, "/a/8", []string{"X-Plan: free"}, 200, "1 0"},
			{0, "/a/9", []string{"X-Trial: yes"}, 200, "1 0"},
			{0, "/a/9", []string{"X-Trial: yes"}, 429, "1 0 2760"},
			{0, "/a/9", []string{"X-Trial: yes", "X-Forwarded-For: 203.0.113.5"}, 200, "1 0"},
			{0, "/a/1", []string{"X-Plan: gold"}, 429, ""}, // who does not say who it is; the reference is silent
			{0, "/a/1", []string{"X-Plan: silver"}, 400, ""},
			{0, "/a/1", nil, 400, ""},
		} {
			h.move(step.after)
			got := g.send(t, "GET "+step.path, "", step.header...)
			if got.StatusCode != step.status || told(got) != step.told {
				t.Errorf("step %d: got %d and %q, want %d and %q", i, got.StatusCode, told(got), step.status, step.told)
			}
			if step.status != 200 {
				bare(t, got, step.status)
			}
		}
		if n := calls.Load(); n != 14 {
			t.Errorf("the backend has %d calls, want 14", n)
		}
	})
}

func TestQuotasAreSharedThroughRedis(t *testing.T) {
	host, _ := counting(t)
	redis := redisServer(t)
	h := &hand{}
	var gateways []*running
	for range 2 {
		gateways = append(gateways, runAs(t, quota(t, host, redis, byUser), Options{now: h.now}))
	}
	passed := 0
	for i := range 8 {
		if got := gateways[i%2].send(t, "GET /a/1", "", "X-Plan: gold", "X-User: u"); got.StatusCode == 200 {
			passed++
		}
	}
	if passed != 5 {
		t.Errorf("%d calls pass two gateways, want 5", passed)
	}
}

func TestRedisIsReachedOverTLS(t *testing.T) {
	host, _ := counting(t)
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	pair := web.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, kind string, bytes []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	certFile := file("cert.pem", "CERTIFICATE", pair.Certificate[0])
	secure := freeAddress(t)
	_, port, _ := net.SplitHostPort(secure)
	redisServer(t, "--tls-port", port, "--tls-cert-file", certFile, "--tls-key-file", file("key.pem", "PRIVATE KEY", key), "--tls-ca-cert-file", certFile, "--tls-auth-clients", "no")
	listens(t, secure)
	for _, tt := range []struct {
		tls  *config.ClientTLS
		want int
	}{
		{&config.ClientTLS{CACerts: []string{certFile}}, 200},
		{&config.ClientTLS{AllowInsecureConnections: true}, 200},
		{&config.ClientTLS{}, 503}, // nobody vouches for the certificate
		{nil, 503},
	} {
		s := quota(t, host, secure, byUser)
		s.Limits.Redis[0].TLS = tt.tls
		if got := run(t, s).send(t, "GET /a/1", "", "X-Plan: gold", "X-User: u"); got.StatusCode != tt.want {
			t.Errorf("%+v: got %d, want %d", tt.tls, got.StatusCode, tt.want)
		}
	}
	s := quota(t, host, secure, byUser)
	s.Limits.Redis[0].TLS = &config.ClientTLS{CACerts: []string{"/none.pem"}}
	if _, err := New(s, Options{}); err == nil || err.Error() != "extra_config.redis: connection main: ca_certs: open /none.pem: no such file or directory" {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestOptionsOfQuotas(t *testing.T) {
	host, _ := counting(t)
	h := &hand{}
	unmatched := strings.Replace(byUser, `"tier_key"`, `"on_unmatched_tier_allow":true,"tier_key"`, 1)
	g := runAs(t, quota(t, host, "", unmatched), Options{now: h.now})
	if got := g.send(t, "GET /a/1", "", "X-Plan: other"); got.StatusCode != 200 || told(got) != "" {
		t.Errorf("on_unmatched_tier_allow: got %d, %q", got.StatusCode, told(got))
	}
	silent := strings.Replace(byUser, `"tier_key"`, `"disable_quota_headers":true,"tier_key"`, 1)
	g = runAs(t, quota(t, host, "", silent), Options{now: h.now})
	for _, want := range []string{"", "2800"} {
		if got := g.send(t, "GET /a/1", "", "X-Plan: free"); told(got) != want {
			t.Errorf("disable_quota_headers: got %q, want %q", told(got), want)
		}
	}
}

// Without Redis calls are refused with 503 (the reference does not say the status),
// or pass where on_failure_allow says so.
func TestQuotasThatCannotBeCounted(t *testing.T) {
	host, _ := counting(t)
	nobody := freeAddress(t)
	for allow, want := range map[bool]int{false: 503, true: 200} {
		s := quota(t, host, nobody, byUser)
		s.Limits.Processors[0].AllowOnFailure = allow
		g := run(t, s)
		for range 3 {
			got := g.send(t, "GET /a/1", "", "X-Plan: gold", "X-User: u")
			if got.StatusCode != want || told(got) != "" {
				t.Errorf("on_failure_allow %v: got %d, %q", allow, got.StatusCode, told(got))
			}
			if want == 503 {
				bare(t, got, want)
			}
		}
	}
}

func TestRefusedByAQuotaIsReportedSo(t *testing.T) {
	host, _ := counting(t)
	s := quota(t, host, "", byUser)
	c := newCollector(t)
	s.Moesif = c.config()
	h := &hand{}
	g := runAs(t, s, Options{now: h.now})
	for _, want := range []struct {
		plan   string
		status int
		reason string
	}{{"free", 200, ""}, {"free", 429, moesif.Quota}, {"none", 400, moesif.BadRequest}} {
		g.send(t, "GET /a/1", "", "X-Plan: "+want.plan)
		e := heard(t, c.events, "the event")
		if e.Response.Status != want.status || e.Metadata.Gatemeter.Refused != want.reason {
			t.Errorf("reported as %d, refused %q, want %+v", e.Response.Status, e.Metadata.Gatemeter.Refused, want)
		}
	}
}

// The quota of the service stands before each endpoint, and rate limits before quotas.
func TestWhatARateLimitRefusesIsNotUsed(t *testing.T) {
	host, _ := counting(t)
	s := quota(t, host, "", `{"qos/ratelimit/router":{"max_rate":1}}`)
	s.Limits.Quota = quota(t, host, "", byUser).Endpoints[0].Limits.Quota
	h := &hand{}
	g := runAs(t, s, Options{now: h.now})
	gold := []string{"X-Plan: gold", "X-User: u"}
	for i, want := range []string{"200 5 4", "503", "503", "503", "503", "503", "503"} {
		got := g.send(t, "GET /a/1", "", gold...)
		if text := strings.TrimSpace(fmt.Sprint(got.StatusCode, " ", told(got))); text != want {
			t.Errorf("call %d: got %s, want %s", i, text, want)
		}
	}
	h.move(time.Second)
	if got := g.send(t, "GET /a/1", "", gold...); told(got) != "5 3" {
		t.Errorf("a second later: got %d, %q", got.StatusCode, told(got))
	}
}

// backendQuota is a service with one endpoint, POST /a/{id}, around whose backend the
// quota stands.
func backendQuota(t testing.TB, host, redis, encoding, more, quota string) *config.Service {
	t.Helper()
	return fromFile(t, `{"version":3,"host":["HOST"],"extra_config":{`+plansIn(redis)+`},
		"endpoints":[{"endpoint":"/a/{id}","method":"POST","input_headers":["*"],"output_encoding":"`+encoding+`","backend":[{"url_pattern":"/{id}","encoding":"`+encoding+`",
		"extra_config":{`+more+`"governance/quota":`+quota+`}}]}]}`, host)
}

const around = `{"quota_name":"api","weight_key":"usage.tokens","tiers":[{"rule_name":"gold","tier_value_as":"*","strategy":"ip"}]}`

// What a client sees when the quota around its only backend is used up: as in no-op
// and with return_error_code, otherwise as any failure of a backend.
func TestAQuotaAroundABackendWeighsItsAnswers(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Quota-Limit", "the backend's own")
		_, _ = fmt.Fprintf(w, `{"ok":true,"usage":{"tokens":%s}}`, body)
	})
	inMemoryAndRedis(t, func(t *testing.T, redis string) {
		for i, tt := range []struct {
			encoding, more string
			status         int
			told           string
		}{
			{"no-op", ``, 429, "5 0 40"},
			{"json", `"backend/http":{"return_error_code":true},`, 429, ""},
			{"json", ``, 500, ""},
		} {
			h := &hand{}
			h.move(time.Duration(i) * 24 * time.Hour)
			c := newCollector(t)
			s := backendQuota(t, host, redis, tt.encoding, tt.more, around)
			s.Moesif = c.config()
			g := runAs(t, s, Options{now: h.now})
			for _, weight := range []string{"0", "2", "4"} { // the last goes beyond the limit, once
				if got := g.send(t, "POST /a/1", weight); got.StatusCode != 200 || !strings.Contains(got.Text, `"tokens":`+weight) {
					t.Errorf("%+v: weight %s: got %d %s", tt, weight, got.StatusCode, got.Text)
				}
				if e := heard(t, c.events, "the event"); e.Metadata.Gatemeter.Refused != "" {
					t.Errorf("reported as %+v", e)
				}
			}
			got := g.send(t, "POST /a/1", "1")
			if got.StatusCode != tt.status || told(got) != tt.told || got.Text != "" {
				t.Errorf("%+v: used up: got %d %q, %q", tt, got.StatusCode, got.Text, told(got))
			}
			e := heard(t, c.events, "the event")
			if want := map[string]string{"no-op": moesif.Quota, "json": ""}[tt.encoding]; e.Metadata.Gatemeter.Refused != want {
				t.Errorf("%+v: reported as refused %q, want %q", tt, e.Metadata.Gatemeter.Refused, want)
			}
			if got := g.send(t, "POST /a/1", "1", "X-Forwarded-For: 203.0.113.77"); got.StatusCode != 200 {
				t.Errorf("%+v: another client: got %d", tt, got.StatusCode)
			}
			heard(t, c.events, "the event")
		}
	})
}
