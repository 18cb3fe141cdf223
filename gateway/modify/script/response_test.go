package script

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func postOf(t testing.TB, text string) *Script {
	t.Helper()
	return New(&config.Script{Post: compiled(t, text)}, "request", http.DefaultTransport, slog.New(slog.DiscardHandler))
}

func answerOf(t testing.TB, text string) *Response {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var data map[string]any
	if err := d.Decode(&data); err != nil {
		t.Fatal(err)
	}
	return &Response{Data: data, Complete: true, Status: 200, Header: http.Header{}, Body: NoBody()}
}

func told(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A script that does not ask for the data leaves it as it is, null included.
func TestDataThatNobodyAsksForStays(t *testing.T) {
	r := &Response{Header: http.Header{}, Body: NoBody()}
	if err := postOf(t, `response.load():headers("X-A", "b")`).RunPost(t.Context(), r); err != nil || r.Data != nil || r.Header.Get("X-A") != "b" {
		t.Errorf("got %v, %v, %v", r, r.Header, err)
	}
	if err := postOf(t, `response.load():data():set("a", 1)`).RunPost(t.Context(), r); err != nil || told(t, r.Data) != `{"a":1}` {
		t.Errorf("got %v, %v", r.Data, err)
	}
}

// Each look at the same array sees what has become of it, and none is left as a list of
// the script's own.
func TestListsAreOneAndTheSame(t *testing.T) {
	r := answerOf(t, `{"l":[{"x":[1]},2]}`)
	err := postOf(t, `local d = response.load():data() local a, b = d:get("l"), response.load():data():get("l")
		a:del(1) b:set(1, "new") a:get(0):get("x"):set(1, 2) d:set("copy", b:len()) d:set("again", a) d:set("in", {{1, 2}, {a = 1}, {}})`).RunPost(t.Context(), r)
	if want := `{"again":[{"x":[1,2]},"new"],"copy":2,"in":[[1,2],{"a":1},{}],"l":[{"x":[1,2]},"new"]}`; err != nil || told(t, r.Data) != want {
		t.Errorf("got %s, %v", told(t, r.Data), err)
	}
	for _, v := range r.Data {
		if _, left := v.(*list); left {
			t.Errorf("got %T", v)
		}
	}
}

func TestJSONIsParsedAndWritten(t *testing.T) {
	for text, want := range map[string]string{
		`json_encode(json_parse('{"a":[1,2.5,null,"<"],"b":{}}'))`: `{"a":[1,2.5,null,"<"],"b":{}}`,
		`json_encode({1, {x = true}})`:                             `[1,{"x":true}]`,
		`json_encode(luaNil.new())`:                                `null`,
		`json_encode(luaList.new())`:                               `[]`,
		`json_decode("7") + 1`:                                     `8`,
		`tostring(json_parse("null"))`:                             `nil`,
		`type(json_parse("[]")) .. tostring(json_parse("[]"))`:     `userdataluaList`,
	} {
		r := answerOf(t, `{}`)
		err := postOf(t, `response.load():data():set("r", tostring(`+text+`))`).RunPost(t.Context(), r)
		if err != nil || r.Data["r"] != want {
			t.Errorf("%s: got %v, %v", text, r.Data["r"], err)
		}
	}
	for text, want := range map[string]string{
		`json_parse("{")`:                          "pre:1: json_parse: unexpected EOF",
		`json_parse("1 2")`:                        "pre:1: json_parse: there is more than one value",
		`json_encode(print)`:                       "pre:1: json_encode: a function can't be a part of data",
		`json_encode({[true] = 1})`:                "pre:1: json_encode: a boolean can't be a key of data",
		`local t = {} t[1] = t json_encode(t)`:     errTooDeep.Error(),
		`luaTable.new = print`:                     "a library can't be changed",
		`getmetatable(luaList.new()).__index = {}`: "attempt to index a non-table object(boolean)",
	} {
		if err := postOf(t, text).RunPost(t.Context(), answerOf(t, `{}`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// A few steps of a script can name data without end: it is told so before it is built.
func TestDataIsBounded(t *testing.T) {
	const doubled = `local t = luaTable.new() for i = 1, 60 do local u = luaTable.new() u:set("a", t) u:set("b", t) t = u end `
	for text, want := range map[string]error{
		doubled + `response.load():data():set("t", t)`: errTooMuch,
		doubled + `json_encode(t)`:                     errTooMuch,
		`local s = ("x"):rep(1000000) local l = luaList.new() for i = 0, 99 do l:set(i, s) end json_encode(l)`: errTooMuch,
		`local d = response.load():data() d:set("d", d)`:                                                       errTooDeep,
	} {
		if err := postOf(t, text).RunPost(t.Context(), answerOf(t, `{}`)); err == nil || !strings.Contains(err.Error(), want.Error()) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// FuzzData holds that data which goes through a script, by every way there is, is still
// the same, and plain.
func FuzzData(f *testing.F) {
	for _, text := range []string{`{"a":[1,{"b":null}],"c":"x"}`, `{"a":1.5e3}`, `{"":[[[]]]}`, `{"a":{"b":{}}}`, `{"a":12345678901234567890}`, `{"a":1e999}`} {
		f.Add(text)
	}
	s := postOf(f, `
		local function walk(v)
			if tostring(v) == "luaTable" then
				local k = v:keys()
				for i = 0, k:len() - 1 do walk(v:get(k:get(i))) end
			elseif tostring(v) == "luaList" and type(v) == "userdata" then
				for i = 0, v:len() - 1 do walk(v:get(i)) end
			end
		end
		local d = response.load():data()
		walk(d)
		json_parse(json_encode(d))`)
	f.Fuzz(func(t *testing.T, text string) {
		var data, want map[string]any
		for _, into := range []*map[string]any{&data, &want} {
			d := json.NewDecoder(strings.NewReader(text))
			d.UseNumber()
			if d.Decode(into) != nil || *into == nil || len(text) > 4096 {
				return
			}
		}
		r := &Response{Data: data, Header: http.Header{}, Body: NoBody()}
		err := s.RunPost(t.Context(), r)
		if err == nil && !reflect.DeepEqual(r.Data, want) {
			t.Errorf("got %v, want %v", r.Data, want)
		}
		if err != nil && strings.Count(text, "[")+strings.Count(text, "{") < 100 && !strings.Contains(text, `"lua`) {
			t.Errorf("%s: %v", text, err)
		}
	})
}

func BenchmarkPost(b *testing.B) {
	s := postOf(b, `local d = response.load():data() d:set("n", d:get("l"):len())`)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.RunPost(b.Context(), answerOf(b, `{"l":[1,2,3],"o":{"a":"b"}}`)); err != nil {
			b.Fatal(err)
		}
	}
}
