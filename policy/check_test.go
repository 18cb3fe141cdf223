package policy

import (
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif"
)

func TestOnlyWhatIsTruePassesACheck(t *testing.T) {
	for expression, want := range map[string]bool{
		`req_method == 'POST'`:                  true,
		`req_method == 'GET'`:                   false,
		`req_params.Id == '7'`:                  true,
		`int(req_params.Id) > 5`:                true,
		`req_params.Missing == 'x'`:             false, // a failure at run time
		`req_headers['X-Something'][1] == 'no'`: false,
		`JWT.org.id == 'acme'`:                  true,
		`JWT.role`:                              false, // a text
		`has(JWT.role) && 'a' in JWT.groups`:    true,
		`timestamp(now).getFullYear() == 2026`:  true,
		`getQuerystring('q') == 'lamp'`:         true,
	} {
		c, err := CompileCheck(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := c.Pass(&call); got != want {
			t.Errorf("%s: %v, want %v", expression, got, want)
		}
	}
}

func TestACheckTellsWhatItLooksAt(t *testing.T) {
	for expression, want := range map[string]Check{
		`req_method == 'a' && req_path == now`: {},
		`'X-A' in req_headers`:                 {Headers: true},
		`hasHeader('a')`:                       {Headers: true},
		`getCookie('a') == ''`:                 {Headers: true},
		`has(req_querystring.a)`:               {Query: true},
		`hasQuerystring('a')`:                  {Query: true},
		`req_params.Id == '1'`:                 {Params: true},
		`JWT.sub == req_path_params.id`:        {Params: true, Token: true},
	} {
		c, err := CompileCheck(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if c.Token != want.Token || c.Headers != want.Headers || c.Query != want.Query || c.Params != want.Params {
			t.Errorf("%s: %+v", expression, c)
		}
	}
}

func TestAChecksMistakesAreErrors(t *testing.T) {
	for expression, want := range map[string]string{
		`resp_data.id == 1`:    "not supported yet: resp_data, expressions about answers",
		`req_body == ''`:       "req_body is not available here: describe the body in validation/json-schema",
		`req_method`:           "the expression gives string: it must give true or false",
		`req_metod == 'GET'`:   "the nearest known name is req_method",
		`req_params.Id == 7`:   "found no matching overload",
		`req_method == 'GET' `: "",
	} {
		_, err := CompileCheck(expression)
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(`JWT.a == req_params.Id && hasHeader('x')`)
	f.Fuzz(func(_ *testing.T, expression string) {
		if c, err := CompileCheck(expression); err == nil {
			c.Pass(&moesif.Subject{})
		}
	})
}
