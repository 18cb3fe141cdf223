package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

var call = moesif.Subject{
	Time: time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC), Method: "POST", Path: "/bar/7", RawQuery: "q=lamp&page=2",
	Headers: wire.Headers{{Name: "X-Something", Value: "yes"}, {Name: "Cookie", Value: "GDPR=yes; theme=dark"}},
	Params:  map[string]string{"id": "7"}, Claims: map[string]any{"role": "admin"},
	Status: 201, ResponseHeaders: wire.Headers{{Name: "X-Krakend-Completed", Value: "true"}, {Name: "Content-Type", Value: "application/json"}},
}

func TestExpressionsSeeTheExchange(t *testing.T) {
	for expression, want := range map[string]bool{
		`(req_method == 'GET' || req_path.startsWith('/bar/')) && hasHeader('X-Something')`: true,
		`hasHeader('x-something') && getHeader('x-SOMETHING') == 'yes'`:                     true,
		`hasHeader('X-Other')`:                             false,
		`getHeader('X-Other') == ''`:                       true,
		`getCookie('GDPR') == 'yes'`:                       true,
		`hasCookie('session')`:                             false,
		`hasQuerystring('q')`:                              true,
		`hasQuerystring('Q')`:                              false,
		`getQuerystring('page') == '2'`:                    true,
		`int(getQuerystring('page')).between(1, 2)`:        true,
		`between(2.5, 1.0, 2.0)`:                           false,
		`isEmpty(req_params)`:                              false,
		`isEmpty('')`:                                      true,
		`req_params.Id == '7'`:                             true,
		`'lamp' in req_querystring.q`:                      true,
		`resp_metadata_status >= 400`:                      false,
		`resp_completed`:                                   true,
		`'Content-Type' in resp_metadata_headers`:          true,
		`JWT.role == 'admin'`:                              true,
		`timestamp(now).getHours() == 10`:                  true,
		`req_headers['X-Something'].exists(v, v == 'yes')`: true,
		`req_path.matches('^/bar/[0-9]+$')`:                true,
	} {
		skip, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := skip(&call); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", expression, got, err, want)
		}
	}
}

func TestBadExpressionsAreRefusedWithTheReason(t *testing.T) {
	for expression, want := range map[string]string{
		`req_method ==`:             "Syntax error",
		`req_verb == 'GET'`:         "undeclared reference to 'req_verb'",
		`geoIP().country == 'DE'`:   "undeclared reference to 'geoIP'",
		`req_method`:                "the expression gives string: it must give true or false",
		`JWT.admin`:                 "the expression gives dyn: it must give true or false",
		`hasHeader(7)`:              "found no matching overload",
		strings.Repeat(" ", 20_000): "at most 16384 are allowed",
	} {
		if _, err := Compile(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want an error with %q", expression, err, want)
		}
	}
}

func TestRunTimeFailuresAreErrorsNotDecisions(t *testing.T) {
	for _, expression := range []string{
		`req_headers['X-Absent'][0] == 'x'`,
		`int(req_path) == 7`,
		`[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a+b+c+d+e > 0)))))`,
	} {
		skip, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := skip(&call); err == nil || got {
			t.Errorf("%s: got %v, %v; want an error", expression, got, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`hasHeader('X') && req_path.matches('a+')`)
	f.Add(`req_headers['X'][0] == getCookie("a")`)
	f.Fuzz(func(_ *testing.T, expression string) {
		if skip, err := Compile(expression); err == nil {
			_, _ = skip(&call)
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	skip, err := Compile(`(req_method == 'GET' || req_path.startsWith('/bar/')) && hasHeader('X-Something')`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := skip(&call); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
