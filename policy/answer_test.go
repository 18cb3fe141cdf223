package policy

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// details is an object that an encoder writes in its own way.
type details struct{ code int }

func (d details) Object() map[string]any { return map[string]any{"http_status_code": d.code} }

func TestExpressionsSeeAnAnswer(t *testing.T) {
	answer := Answer{
		Time: time.Date(2026, 11, 28, 16, 0, 0, 0, time.UTC), Completed: true, Status: 201, Header: http.Header{"X-Kind": {"a", "b"}},
		Data: map[string]any{"id": json.Number("7"), "price": json.Number("9.5"), "list": []any{json.Number("1")}, "error_b": details{404}},
	}
	raw := Answer{Raw: []byte(`{"id":7,"price":9.5,"list":[1],"error_b":{"http_status_code":404}}`), Completed: true}
	for expression, want := range map[string][2]bool{
		`resp_completed`: {true, true},
		`resp_metadata_status == 201 && resp_status == 201`:       {true, false},
		`resp_metadata_status == 0 && isEmpty(resp_headers)`:      {false, true},
		`'b' in resp_metadata_headers['X-Kind']`:                  {true, false},
		`resp_data.id == 7 && resp_data.price > 9`:                {true, true},
		`int(resp_data.id) == 7 && resp_data.list[0] == 1`:        {true, true},
		`resp_data.error_b.http_status_code == 404`:               {true, true},
		`has(resp_data.none)`:                                     {false, false},
		`resp_data.none == 1`:                                     {false, false}, // a failure at run time
		`timestamp(now).getFullYear() == 2026`:                    {true, false},
		`resp_completed && req_method == 'GET'`:                   {false, false}, // no request
		`resp_completed || req_method == 'GET'`:                   {true, true},
		`resp_completed && hasHeader('a')`:                        {false, false},
		`req_method == '' || isEmpty(JWT) || !hasHeader('X-Any')`: {false, false},
	} {
		c, err := CompileCheck(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := [2]bool{c.PassAnswer(nil, &answer), c.PassAnswer(nil, &raw)}; got != want {
			t.Errorf("%s: %v, want %v", expression, got, want)
		}
	}
	for expression, want := range map[string]bool{
		`req_method == 'POST' && resp_data.id == 7`:            true,
		`hasHeader('X-Something') && resp_status == 201`:       true,
		`req_path == '/bar/7' && now.startsWith('2026-11-28')`: true,
		`resp_completed && req_method == 'GET'`:                false,
	} {
		c, err := CompileCheck(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.PassAnswer(&call, &answer); got != want {
			t.Errorf("with its request, %s: %v, want %v", expression, got, want)
		}
	}
}

func TestAnAnswerWithoutDataHasEmptyVariables(t *testing.T) {
	c, err := CompileCheck(`isEmpty(resp_data) && isEmpty(resp_metadata_headers) && !resp_completed`)
	if err != nil {
		t.Fatal(err)
	}
	if !c.PassAnswer(nil, &Answer{}) {
		t.Error("it has something")
	}
}

func TestTheFirstExpressionThatDoesNotHoldStopsTheCall(t *testing.T) {
	set := Set{Status: 418}
	for _, expression := range []string{`req_method == 'POST'`, `req_path == 'secret'`, `req_nothing`} {
		if c, err := CompileCheck(expression); err == nil {
			set.Checks = append(set.Checks, c)
		}
	}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	aborted := set.Request(logger, &call)
	if aborted == nil || aborted.Number != 1 || aborted.Status != 418 || aborted.Error() != "request aborted by evaluator #1" {
		t.Errorf("got %+v", aborted)
	}
	if log.Len() > 0 {
		t.Errorf("logged without being asked to: %s", log.String())
	}
	set.Body, set.Debug = "no", "here"
	if aborted := set.Request(logger, &call); aborted == nil || aborted.Error() != "no" {
		t.Errorf("got %v", aborted)
	}
	if said := log.String(); strings.Count(said, "policies=here") != 2 || !strings.Contains(said, "number=1 held=false") || strings.Contains(said, "secret") {
		t.Errorf("the log says %s", said)
	}
	if set.Checks = set.Checks[:1]; set.Request(logger, &call) != nil {
		t.Error("stopped by what holds")
	}
	if set.Answer(logger, nil, &Answer{}) == nil {
		t.Error("an answer has no request")
	}
	if r := RequestOf(WithRequest(t.Context(), &call)); r != &call || RequestOf(t.Context()) != nil {
		t.Error("the request is not kept")
	}
}
