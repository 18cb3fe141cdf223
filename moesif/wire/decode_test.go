package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

func TestEventsOfOfficialSDKs(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, data string
		want       Event
	}{
		{"go: arrays of header values, empty strings for absent", `{"request":{"time":"2026-11-22T10:00:00.123456789Z","uri":"https://h/x?y=1","verb":"GET",
			"headers":{"Accept":["a","b"],"X":["1"]},"api_version":null,"ip_address":"::1","body":null,"transfer_encoding":"json","content_length":0},
			"response":{"time":"2026-11-22T10:00:00.2Z","status":200,"headers":{},"body":"aGk=","transfer_encoding":"base64","content_length":2},
			"session_token":"","user_id":"","company_id":"","metadata":null,"direction":"Incoming","weight":1}`,
			Event{Request: Request{Time: at.Add(123456 * time.Microsecond), URI: "https://h/x?y=1", Verb: "GET",
				Headers: Headers{{"Accept", "a"}, {"Accept", "b"}, {"X", "1"}}, IPAddress: "::1", TransferEncoding: "json"},
				Response: &Response{Time: at.Add(200 * time.Millisecond), Status: 200, Body: json.RawMessage(`"aGk="`), TransferEncoding: "base64", ContentLength: 2},
				Weight:   1, Direction: "Incoming"}},
		{"node: numbers where strings should be, object body", `{"request":{"time":"2026-11-22T10:00:00.000Z","uri":"/x","verb":"POST","headers":{"n":1,"b":true,"z":null,"d":{"k":[1]}},"body":{"a":[1, 2]}},
			"response":{"time":"2026-11-22T10:00:00.000Z","status":"599"},"user_id":12345678901234567890,"company_id":7,"weight":"3","tags":"a","span":{"id":"1"}}`,
			Event{Request: Request{Time: at, URI: "/x", Verb: "POST", Headers: Headers{{"n", "1"}, {"b", "true"}, {"d", `{"k":[1]}`}},
				Body: json.RawMessage(`{"a":[1, 2]}`), ContentLength: -1},
				Response: &Response{Time: at, Status: 599, ContentLength: -1}, UserID: "12345678901234567890", CompanyID: "7", Weight: 3}},
		{"python: no zone", `{"request":{"time":"2026-11-22T10:00:00.500","uri":"/x","verb":"GET","headers":{}},"response":null}`,
			Event{Request: Request{Time: at.Add(500 * time.Millisecond), URI: "/x", Verb: "GET", ContentLength: -1}}},
		{"kong: unpadded fraction, an empty table as an array", `{"request":{"time":"2026-11-22T10:00:00.5","uri":"/x","verb":"GET","headers":[]},"response":[],"metadata":[]}`,
			Event{Request: Request{Time: at.Add(500 * time.Millisecond), URI: "/x", Verb: "GET", ContentLength: -1}}},
		{"wasm: offset, HTTP's transfer encoding, string body", `{"request":{"time":"2026-11-22T10:00:00.000000001+00:00","uri":"/x","verb":"GET","headers":{"a":"b"},"transfer_encoding":"chunked","body":"plain"}}`,
			Event{Request: Request{Time: at, URI: "/x", Verb: "GET", Headers: Headers{{"a", "b"}}, Body: json.RawMessage(`"plain"`), ContentLength: -1}}},
		{"escapes, invalid UTF-8, last of two equal keys, names exact", `{"request":{"time":"2026-11-22T10:00:00Z","uri":"\u002fx\ud83d\ude00\ud800` + "\xff" + `","verb":"GET","VERB":"PUT"},"user_id":"a","user_id":"b","User_Id":"c"}`,
			Event{Request: Request{Time: at, URI: "/x\U0001F600\uFFFD\uFFFD", Verb: "GET", ContentLength: -1}, UserID: "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := DecodeEvent([]byte(c.data))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v %+v\nwant %+v %+v", got, got.Response, c.want, c.want.Response)
			}
		})
	}
}

func TestBadEventsNameTheField(t *testing.T) {
	const request = `"request":{"time":"2026-11-22T10:00:00Z","uri":"/","verb":"GET"}`
	for _, c := range []struct{ data, want string }{
		{`{"request":{"time":"x","uri":"/","verb":"GET"}}`, `request.time: not a timestamp: "x"`},
		{`{"request":{"time":"` + strings.Repeat("x", 100) + `"}}`, `request.time: not a timestamp: "` + strings.Repeat("x", 64) + `…"`},
		{`{"request":{"uri":"/","verb":"GET"}}`, `request.time: missing`},
		{`{"request":{"time":"2026-11-22T10:00:00Z","verb":"GET"}}`, `request.uri: missing`},
		{`{"request":{"time":"2026-11-22T10:00:00Z","uri":"/","verb":""}}`, `request.verb: missing`},
		{`{"request":7}`, `request: must be an object (got a number)`},
		{`{}`, `request.time: missing`},
		{`[]`, `event: must be an object (got an array)`},
		{`{"request":{"headers":"x"}}`, `request.headers: must be an object (got a string)`},
		{`{` + request + `,"user_id":{"id":1}}`, `user_id: must be a string (got an object)`},
		{`{` + request + `,"weight":-1}`, `weight: must be between 0 and 2147483647 (got -1)`},
		{`{` + request + `,"weight":"many"}`, `weight: must be a whole number (got "many")`},
		{`{` + request + `,"metadata":"x"}`, `metadata: must be an object (got a string)`},
		{`{` + request + `,"response":{"status":1000}}`, `response.status: must be between 0 and 999 (got 1000)`},
		{`{` + request + `,"response":"x"}`, `response: must be an object (got a string)`},
		{`{` + request + `} x`, `event: not JSON at byte 67: more data after the end of the document`},
		{`{` + request, `event: scan: the document ends too early`},
	} {
		_, err := DecodeEvent([]byte(c.data))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.data, err, c.want)
		}
	}
}

func TestDecodedEventOwnsItsMemory(t *testing.T) {
	want := wholeEvent()
	data := AppendEvent(nil, &want)
	got, err := DecodeEvent(data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if again := AppendEvent(nil, &got); !scan.Valid(again) || got.UserID != "ada" || string(got.Request.Body) != `{"name":"Ada"}` {
		t.Errorf("the event changed with its source: %s", again)
	}
}

func TestTimestamps(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000Z"},
		{"2026-11-22T10:00:00", "2026-11-22T10:00:00.000000Z"},
		{"2026-11-22 10:00:00.1", "2026-11-22T10:00:00.100000Z"},
		{"2026-11-22t10:00:00.123456789z", "2026-11-22T10:00:00.123456Z"},
		{"2026-11-22T10:00:00.000+02:00", "2026-11-22T08:00:00.000000Z"},
		{"2026-11-22T10:00:00-0130", "2026-11-22T11:30:00.000000Z"},
		{"2026-11-22T23:00:00-02", "2026-11-23T01:00:00.000000Z"},
		{"2028-02-29T23:59:60Z", "2028-03-01T00:00:00.000000Z"},
		{"2026-02-29T00:00:00Z", ""},
		{"2026-13-01T00:00:00Z", ""},
		{"2026-11-22T24:00:00Z", ""},
		{"2026-11-22T10:00:00.Z", ""},
		{"2026-11-22T10:00:00+2", ""},
		{"2026-11-22T10:00:00X", ""},
		{"0001-01-01T00:00:00+01:00", ""},
		{"+026-11-22T10:00:00Z", ""},
		{"2026-11-22", ""},
		{"", ""},
	} {
		got, err := ParseTime(c.in)
		if (err != nil) != (c.want == "") {
			t.Errorf("%q: error %v", c.in, err)
		}
		if err == nil && string(appendTime(nil, got)) != c.want {
			t.Errorf("%q: got %s, want %s", c.in, appendTime(nil, got), c.want)
		}
	}
}

func TestGatemeterMetadata(t *testing.T) {
	for _, c := range []struct {
		metadata string
		want     Gatemeter
		found    bool
	}{
		{`{"krakend":{"gatemeter":{"route":"no"}},"gatemeter":{"route":"/o/{id}","identity":"claimed","refused":"quota","cut":["request.body"],"new":1}}`,
			Gatemeter{"/o/{id}", "claimed", "quota", []string{"request.body"}}, true},
		{`{"gatemeter":{}}`, Gatemeter{}, true},
		{`{"gatemeter":null}`, Gatemeter{}, false},
		{`{"krakend":{}}`, Gatemeter{}, false},
		{``, Gatemeter{}, false},
	} {
		e := Event{Metadata: json.RawMessage(c.metadata)}
		if got, found := e.Gatemeter(); found != c.found || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v", c.metadata, got, found)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	whole := wholeEvent()
	f.Add(AppendEvent(nil, &whole))
	f.Add([]byte(`{"request":{"time":"2026-11-22T10:00:00Z","uri":"/","verb":"GET","headers":{"a":["b",1,null,{}]},"body":[]},"response":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEvent(data)
		if err != nil {
			return
		}
		out := AppendEvent(nil, &e)
		again, err := DecodeEvent(out)
		if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if third := AppendEvent(nil, &again); string(third) != string(out) {
			t.Fatalf("first  %s\nsecond %s", out, third)
		}
	})
}
