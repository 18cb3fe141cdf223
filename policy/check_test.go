package policy

import (
	"reflect"
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
		`resp_metadata_status != 500`:           false, // not there yet
		`req_path != '' || resp_completed`:      true,
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
		`now != ''`:                            {},
		`req_method == 'a' && req_path == now`: {Request: true},
		`'X-A' in req_headers`:                 {Request: true, Headers: true},
		`hasHeader('a')`:                       {Request: true, Headers: true, Macro: "hasHeader"},
		`getCookie('a') == ''`:                 {Request: true, Headers: true, Macro: "getCookie"},
		`has(req_querystring.a)`:               {Request: true, Query: true},
		`hasQuerystring('a')`:                  {Request: true, Query: true, Macro: "hasQuerystring"},
		`req_params.Id == '1'`:                 {Request: true, Params: true},
		`JWT.sub == req_path_params.id`:        {Request: true, Params: true, Token: true},
		`resp_completed`:                       {Answer: true},
		`resp_data.request_id == 'req_7'`:      {Answer: true, Data: true},
		`resp_metadata_status == 200`:          {Answer: true, Metadata: true},
		`'A' in resp_metadata_headers`:         {Answer: true, Metadata: true},
		`resp_completed || req_path == ''`:     {Request: true, Answer: true},
		`between(1, 2, 3)`:                     {Macro: "between"},
		`isEmpty(resp_data)`:                   {Answer: true, Data: true, Macro: "isEmpty"},
	} {
		c, err := CompileCheck(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if c.ask = nil; !reflect.DeepEqual(*c, want) {
			t.Errorf("%s: %+v", expression, c)
		}
	}
}

func TestAChecksMistakesAreErrors(t *testing.T) {
	for expression, want := range map[string]string{
		`resp_body == ''`:      "resp_body is not available here: what is decoded of it is in resp_data",
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
	f.Add(`has(resp_data.a) || size(resp_metadata_headers) > 0`)
	f.Fuzz(func(_ *testing.T, expression string) {
		if c, err := CompileCheck(expression); err == nil {
			c.Pass(&moesif.Subject{})
			c.PassAnswer(nil, &Answer{Raw: []byte(expression)})
		}
	})
}
