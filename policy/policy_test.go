package policy

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

var call = moesif.Subject{
	Time: time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC), Method: "POST", Path: "/bar/7", RawQuery: "q=lamp&page=2&q=shade&bad=%zz&empty=",
	Headers: wire.Headers{{Name: "X-Something", Value: "yes"}, {Name: "X-Something", Value: "again"}, {Name: "Cookie", Value: "GDPR=yes; theme=dark"}, {Name: "Cookie", Value: "late=1"}},
	Params:  map[string]string{"id": "7", "Kind": "x"}, Claims: map[string]any{"role": "admin", "org": map[string]any{"id": "acme"}, "groups": []any{"a", "b"}},
	Status: 201, ResponseHeaders: wire.Headers{{Name: "X-Krakend-Completed", Value: "true"}, {Name: "Content-Type", Value: "application/json"}},
	RequestBody:  []byte(`{"user":"ada"}`),
	ResponseBody: []byte(`{"total":12,"price":9.5,"big":12345678901234567890,"items":[{"sku":"A"}],"none":null}`),
}

func TestExpressionsSeeTheExchange(t *testing.T) {
	for expression, want := range map[string]bool{
		`(req_method == 'GET' || req_path.startsWith('/bar/')) && hasHeader('X-Something')`: true,
		`hasHeader('x-something') && getHeader('x-SOMETHING') == 'yes'`:                     true,
		`hasHeader('X-' + 'Something')`:                                                     true,
		`hasHeader('X-Other')`:                                                              false,
		`getHeader('X-Other') == ''`:                                                        true,
		`getCookie('GDPR') == 'yes'`:                                                        true,
		`hasCookie('late') && getCookie('late') == '1'`:                                     true,
		`hasCookie('session')`:                                                              false,
		`getCookie('session') == ''`:                                                        true,
		`hasQuerystring('q')`:                                                               true,
		`hasQuerystring('Q')`:                                                               false,
		`hasQuerystring('bad')`:                                                             false,
		`hasQuerystring('empty')`:                                                           true,
		`getQuerystring('q') == 'lamp'`:                                                     true,
		`int(getQuerystring('page')).between(1, 2)`:                                         true,
		`between(2.5, 1.0, 2.0)`:                                                            false,
		`between(3, 1, 2)`:                                                                  false,
		`between(double(resp_data.price), 9.5, 10.0)`:                                       true,
		`isEmpty(req_params)`:                                                               false,
		`isEmpty('') && isEmpty([]) && isEmpty({})`:                                         true,
		`isEmpty(req_body)`:                                                                 false,
		`req_params.Id == '7'`:                                                              true,
		`req_params.id == '7' && req_params['id'] == '7'`:                                   true,
		`req_path_params.Id == req_path_params.id`:                                          true,
		`req_path_params.kind == 'x'`:                                                       true,
		`'id' in req_params && 'Id' in req_params`:                                          true,
		`has(req_params.id) && !has(req_params.other)`:                                      true,
		`size(req_params) == 2`:                                                             true,
		`req_params.exists(k, k == 'Id')`:                                                   true,
		`'shade' in req_querystring.q`:                                                      true,
		`req_headers['X-Something'].size() == 2`:                                            true,
		`req_headers['X-Something'].exists(v, v == 'yes')`:                                  true,
		`req_body.contains('"ada"')`:                                                        true,
		`resp_status == 201 && resp_metadata_status == 201`:                                 true,
		`resp_status >= 400`:                                                                false,
		`resp_completed`:                                                                    true,
		`'Content-Type' in resp_headers`:                                                    true,
		`resp_metadata_headers['Content-Type'][0].endsWith('json')`:                         true,
		`resp_body.startsWith('{"total"')`:                                                  true,
		`resp_data.total == 12 && resp_data.price > 9`:                                      true,
		`resp_data.items[0].sku == 'A'`:                                                     true,
		`resp_data.none == null && !has(resp_data.other)`:                                   true,
		`resp_data.big > 1e19`:                                                              true,
		`JWT.role == 'admin' && JWT.org.id == 'acme'`:                                       true,
		`has(JWT.role) && !has(JWT.sub)`:                                                    true,
		`JWT.groups.exists(g, g == 'b')`:                                                    true,
		`timestamp(now).getHours() == 10`:                                                   true,
		`now == '2026-11-22T10:30:00.000Z'`:                                                 true,
		`req_path.matches('^/bar/[0-9]+$')`:                                                 true,
		`req_path.split('/')[1].upperAscii() == 'BAR'`:                                      true,
		`math.greatest(1, resp_status) == 201`:                                              true,
		`string(base64.decode('aGk=')) == 'hi'`:                                             true,
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

func TestAnEmptyExchangeHasEmptyVariables(t *testing.T) {
	for _, expression := range []string{
		`req_method == '' && req_path == '' && req_body == '' && resp_body == '' && resp_status == 0 && !resp_completed`,
		`isEmpty(req_params) && isEmpty(req_path_params) && isEmpty(req_headers) && isEmpty(req_querystring)`,
		`isEmpty(resp_headers) && isEmpty(resp_metadata_headers) && isEmpty(resp_data) && isEmpty(JWT)`,
		`!hasHeader('X') && !hasCookie('x') && !hasQuerystring('x')`,
	} {
		skip, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := skip(&moesif.Subject{}); err != nil || !got {
			t.Errorf("%s: got %v, %v", expression, got, err)
		}
	}
}

func TestRespDataIsAWholeJSONObjectOrEmpty(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	skip, err := Compile(`has(resp_data.a) && resp_body == '{"a":1}'`)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := Compile(`isEmpty(resp_data)`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, body, encoding string
		whole                bool
	}{
		{"plain", `{"a":1}`, "", true},
		{"gzip", packed.String(), "gzip", true},
		{"cut gzip", packed.String()[:packed.Len()/2], "gzip", false},
		{"not gzip", `{"a":1}`, "gzip", false},
		{"cut", `{"a":1`, "", false},
		{"two", `{"a":1}{"a":1}`, "", false},
		{"array", `[{"a":1}]`, "", false},
		{"null", `null`, "", false},
		{"text", `a`, "", false},
	} {
		s := moesif.Subject{ResponseBody: []byte(c.body), ResponseHeaders: wire.Headers{{Name: "Content-Encoding", Value: c.encoding}}}
		if got, err := skip(&s); err != nil || got != c.whole {
			t.Errorf("%s: got %v, %v", c.name, got, err)
		}
		if got, err := empty(&s); err != nil || got == c.whole {
			t.Errorf("%s: empty is %v, %v", c.name, got, err)
		}
	}
}

func TestBadExpressionsAreRefusedWithTheReason(t *testing.T) {
	for expression, want := range map[string]string{
		`req_method ==`:                "Syntax error",
		"true &&\n req_metod == 'GET'": "req_metod is not known: the nearest known name is req_method (line 2, column 2)",
		`hasHeaders('X')`:              "hasHeaders is not known: the nearest known name is hasHeader (column 11)",
		`req_path.startWith('/x')`:     "startWith is not known: the nearest known name is startsWith (column 19)",
		`jwt.role == 'x'`:              "jwt is not known: the nearest known name is JWT (column 1)",
		`geoIP().country == 'DE'`:      "geoIP is not available here: it needs a GeoIP database",
		`quotaProcessorLeft('x') > 1`:  "quotaProcessorLeft is not available here: ",
		`hostname() == 'a'`:            "hostname is not available here: ",
		`isAlphanumeric(req_path)`:     "isAlphanumeric is not available here: write value.matches(",
		`req_method`:                   "the expression gives string: it must give true or false",
		`JWT.admin`:                    "the expression gives dyn: it must give true or false",
		`hasHeader(7)`:                 "hasHeader takes a string (got int) (column 10)",
		`hasHeader()`:                  "hasHeader",
		`req_path.matches('[')`:        "missing closing ]",
		`now > duration('x')`:          "column",
		`req_method == 1`:              "found no matching overload",
		`@request == @request`:         "Syntax error",
		strings.Repeat(" ", 20_000):    "at most 16384 are allowed",
		``:                             "column 1",
	} {
		if _, err := Compile(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want an error with %q", expression, err, want)
		}
	}
}

func TestRunTimeFailuresAreErrorsNotDecisions(t *testing.T) {
	for _, expression := range []string{
		`req_headers['X-Absent'][0] == 'x'`,
		`req_params.absent == 'x'`,
		`resp_data.absent == 1`,
		`JWT.absent == 'x'`,
		`JWT.role.deeper == 'x'`,
		`int(req_path) == 7`,
		`getHeader(JWT.groups) == 'x'`,
		`between(JWT.role, 1, 2)`,
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

func TestWorkIsBounded(t *testing.T) {
	long := call
	long.ResponseBody = bytes.Repeat([]byte("aaaaaaaaab"), 100_000)
	for _, expression := range []string{
		`[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a+b+c+d+e > 0)))))`,
		`resp_body.matches('(a+)+(b+)+(c+)+(d+)+(e+)+')`,
		`resp_body.replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').size() > 0`,
		`resp_body.split('').all(a, a != 'c')`,
	} {
		skip, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := skip(&long); err == nil || got || !strings.Contains(err.Error(), "cost limit exceeded") {
			t.Errorf("%s: got %v, %v; want an error", expression, got, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`hasHeader('X') && req_path.matches('a+')`)
	f.Add(`req_headers['X'][0] == getCookie("a")`)
	f.Add(`resp_data.items.exists(i, i.sku == 'A') && req_params.id == "7"`)
	f.Add(`between(resp_status, 200, 299) || isEmpty(req_body.split('a'))`)
	f.Add(`JWT.org.id.format([now]) == math.least(1, 2.0)`)
	f.Fuzz(func(_ *testing.T, expression string) {
		if skip, err := Compile(expression); err == nil {
			_, _ = skip(&call)
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	for _, expression := range []string{
		`req_path.startsWith('/health') || hasHeader('X-Internal')`,
		`(req_method == 'GET' || req_path.startsWith('/bar/')) && hasHeader('X-Something')`,
		`req_path.matches('^/(health|metrics)') || resp_status == 404`,
		`'X-Internal' in req_headers || hasQuerystring('debug')`,
		`has(resp_data.total) && resp_data.total > 100`,
	} {
		skip, err := Compile(expression)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(expression, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := skip(&call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
