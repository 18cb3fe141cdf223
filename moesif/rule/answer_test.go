package rule

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestStatusesOfBlockedCalls(t *testing.T) {
	for _, c := range []struct {
		status, want int
		body         bool
	}{
		{0, 429, true}, {-1, 429, true}, {99, 429, true}, {100, 429, true}, {101, 429, true}, {199, 429, true}, {1000, 429, true}, {9999, 429, true},
		{200, 200, true}, {203, 203, true}, {204, 204, false}, {205, 205, false}, {304, 304, false}, {400, 400, true}, {429, 429, true}, {599, 599, true}, {999, 999, true},
	} {
		d := filled(t, nil, nil, wire.RuleResponse{Status: c.status, Body: []byte(`{"m":1}`)})
		if d.Status != c.want || (d.Body != nil) != c.body || (len(d.Headers) == 1) != c.body {
			t.Errorf("%d: got %+v, want %d, body %v", c.status, d, c.want, c.body)
		}
	}
}

func TestFramingHeadersNeverComeOut(t *testing.T) {
	framing := []string{
		"Content-Length", "content-length", "Transfer-Encoding", "TRANSFER-ENCODING", "Content-Encoding", "Connection", "Keep-Alive", "TE", "te", "Trailer", "Upgrade",
		"Proxy-Connection", "Proxy-Authenticate", "proxy-authorization", "Proxy-Anything",
	}
	impossible := []string{"", "X Y", "X:Y", "X\r\nY", "Trailer:X", "é", "X\x00", "(X)"}
	headers := map[string]string{"x-good": "1", "X-Proxy-Fine": "2"}
	for _, name := range append(framing, impossible...) {
		headers[name] = "1"
	}
	u := wire.Rule{ID: "r", Type: "regex", Response: wire.RuleResponse{Headers: headers}}
	s := Compile(wire.AppConfig{}, []wire.Rule{u}, Options{})
	if got, want := outcome(s.Decide(&Subject{})), "pass | X-Good: 1 | X-Proxy-Fine: 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	problems := s.Problems()
	for _, name := range framing {
		if !hasReason(problems, "response.headers."+name+": belongs to the connection") {
			t.Errorf("%s is not in %q", name, problems)
		}
	}
	if len(problems) != len(framing)+len(impossible) {
		t.Errorf("problems: %q", problems)
	}
}

func hasReason(problems []Problem, start string) bool {
	for _, p := range problems {
		if strings.HasPrefix(p.Reason, start) {
			return true
		}
	}
	return false
}

func TestABodyIsJSONWhateverTheRuleSays(t *testing.T) {
	headers := map[string]string{"content-type": "text/html", "X-A": "1"}
	d := filled(t, nil, nil, wire.RuleResponse{Headers: headers, Body: []byte(`"<script>"`)})
	if len(d.Headers) != 2 || !slices.Contains(d.Headers, wire.Header{Name: "Content-Type", Value: "application/json"}) {
		t.Errorf("got %q", d.Headers)
	}
	d = filled(t, nil, nil, wire.RuleResponse{Headers: headers})
	if len(d.Headers) != 2 || !slices.Contains(d.Headers, wire.Header{Name: "Content-Type", Value: "text/html"}) {
		t.Errorf("without a body: got %q", d.Headers)
	}
}

func TestDecisionsDoNotGrowIntoEachOther(t *testing.T) {
	s := documents(t, `{}`, `[{"_id":"r","type":"regex","block":true,"response":{"headers":{"X-A":"1"},"body":{"m":1}}}]`, Options{})
	d := s.Decide(&Subject{})
	if cap(d.Body) != len(d.Body) {
		t.Error("two callers that append to the body would write to the same bytes")
	}
	_ = append(d.Headers[:1], wire.Header{Name: "X-B"})
	if again := s.Decide(&Subject{}); string(again.Body) != `{"m":1}` || again.Headers[1].Name != "Content-Type" {
		t.Errorf("got %+v", again)
	}
}

func TestListedCallers(t *testing.T) {
	const config = `{"block_bot_traffic":true,"ip_addresses_blocked_by_name":{"b-list":"203.0.113.9","a-list":"203.0.113.9","six":"2001:DB8::1","mapped":"::ffff:198.51.100.7","none":"not an address"}}`
	const rules = `[{"_id":"r","type":"regex","block":true,"response":{"status":429}}]`
	on, off := documents(t, config, rules, Options{BlockListedIPs: true}), documents(t, config, rules, Options{})
	agent := func(value string) wire.Headers { return wire.Headers{{Name: "user-agent", Value: value}} }
	for _, c := range []struct {
		r    Subject
		want string
	}{
		{Subject{IP: "203.0.113.9"}, "403 by a-list"},
		{Subject{IP: "2001:db8:0::1"}, "403 by six"},
		{Subject{IP: "198.51.100.7"}, "403 by mapped"},
		{Subject{IP: "::ffff:203.0.113.9"}, "403 by a-list"},
		{Subject{IP: "203.0.113.90"}, "429 by r"},
		{Subject{IP: "203.0.113.9:80"}, "429 by r"},
		{Subject{}, "429 by r"},
		{Subject{Headers: agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")}, "403 by bot"},
		{Subject{Headers: agent("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)")}, "403 by bot"},
		{Subject{Headers: agent("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")}, "429 by r"},
		{Subject{Headers: agent("curl/8.5.0")}, "429 by r"},
	} {
		if got := outcome(on.Decide(&c.r)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.r, got, c.want)
		}
		if got := outcome(off.Decide(&c.r)); got != "429 by r" {
			t.Errorf("%+v: got %s without the option", c.r, got)
		}
	}
	if want := `ip_addresses_blocked_by_name.none: not an IP address: "not an address"`; !hasReason(on.Problems(), want) || len(off.Problems()) > 0 {
		t.Errorf("problems: %q, %q", on.Problems(), off.Problems())
	}
	alone := documents(t, config, `[]`, Options{BlockListedIPs: true})
	if got := outcome(alone.Decide(&Subject{IP: "203.0.113.9"})); got != "403 by a-list" {
		t.Errorf("without rules: got %s", got)
	}
}
