package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

func wholeEvent() Event {
	return Event{
		Request: Request{
			Time: noon, URI: "https://api.example.com/orders/7?page=2", Verb: "POST",
			Headers: Headers{
				{"Content-Type", "application/json"}, {"Accept", "text/html"},
				{"X-Request-Id", "9f1d"}, {"accept", "*/*"},
			},
			APIVersion: "1.0", IPAddress: "203.0.113.7", Body: json.RawMessage(`{"name":"Ada"}`),
			TransferEncoding: "json", ContentLength: 14,
		},
		Response: &Response{
			Time: noon.Add(1500 * time.Microsecond), Status: 201,
			Headers: Headers{{"Set-Cookie", "a=1"}, {"Vary", "Accept"}, {"set-cookie", "b=2; Expires=Sun, 22 Nov 2026 12:00:00 GMT"}},
			Body:    json.RawMessage(`"AAEC"`), TransferEncoding: "base64", ContentLength: -1,
		},
		UserID: "ada", CompanyID: "acme", SubscriptionID: "sub_1", SessionToken: "s", Direction: "Incoming",
		TransactionID: "0193523e-0000-7000-8000-000000000000", Weight: 3, BlockedBy: "64ca",
		Metadata: json.RawMessage(`{"krakend":{"a":1}}`),
	}
}

func TestEventOnTheWire(t *testing.T) {
	whole := wholeEvent()
	for _, c := range []struct {
		name  string
		event Event
		want  string
	}{
		{"whole", whole, `{"request":{"time":"2026-11-22T12:00:00.123456Z","uri":"https://api.example.com/orders/7?page=2","verb":"POST",` +
			`"headers":{"Content-Type":"application/json","Accept":"text/html, */*","X-Request-Id":"9f1d"},"api_version":"1.0","ip_address":"203.0.113.7",` +
			`"body":{"name":"Ada"},"transfer_encoding":"json","content_length":14},` +
			`"response":{"time":"2026-11-22T12:00:00.124956Z","status":201,"headers":{"Set-Cookie":["a=1","b=2; Expires=Sun, 22 Nov 2026 12:00:00 GMT"],"Vary":"Accept"},` +
			`"body":"AAEC","transfer_encoding":"base64"},"user_id":"ada","company_id":"acme","subscription_id":"sub_1","session_token":"s",` +
			`"transaction_id":"0193523e-0000-7000-8000-000000000000","direction":"Incoming","weight":3,"blocked_by":"64ca","metadata":{"krakend":{"a":1}}}`},
		{"nothing but what is required", Event{Request: Request{Time: noon, URI: "/", Verb: "GET", ContentLength: -1}},
			`{"request":{"time":"2026-11-22T12:00:00.123456Z","uri":"/","verb":"GET","headers":{}}}`},
		{"other zone, nanoseconds, hostile strings", Event{Request: Request{
			Time: time.Date(2026, 1, 2, 3, 4, 5, 999999999, time.FixedZone("", 2*3600)), URI: "/\x00\"\\\n\r\t\x1f\xff é\U0001F600", Verb: "GET", ContentLength: 0,
		}}, `{"request":{"time":"2026-01-02T01:04:05.999999Z","uri":"/\u0000\"\\\n\r\t\u001f` + "\uFFFD é\U0001F600" + `","verb":"GET","headers":{},"content_length":0}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AppendEvent(nil, &c.event)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestEventsAreAnArray(t *testing.T) {
	e := Event{Request: Request{Time: noon, URI: "/", Verb: "GET", ContentLength: -1}}
	for n := range 3 {
		elements, err := scan.SplitArray(AppendEvents(nil, []Event{e, e, e}[:n]))
		if err != nil || len(elements) != n {
			t.Fatalf("%d events: got %d elements, error %v", n, len(elements), err)
		}
	}
}

func TestAppendEventDoesNotAllocate(t *testing.T) {
	e := wholeEvent()
	for len(e.Request.Headers) < manyHeaders {
		e.Request.Headers = append(e.Request.Headers, Header{"X-" + strings.Repeat("a", len(e.Request.Headers)), "v"})
	}
	dst := make([]byte, 0, 16<<10)
	if n := testing.AllocsPerRun(100, func() { dst = AppendEvent(dst[:0], &e) }); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

func TestRepeatedHeadersJoinWhateverTheirNumber(t *testing.T) {
	for _, n := range []int{1, manyHeaders - 2, 3 * manyHeaders} {
		hs := Headers{{"A", "1"}}
		for i := range n {
			hs = append(hs, Header{"X-" + strings.Repeat("x", i), "v"})
		}
		hs = append(hs, Header{"a", "2"})
		var got map[string]string
		if err := json.Unmarshal(appendHeaders(nil, hs), &got); err != nil {
			t.Fatal(err)
		}
		if got["A"] != "1, 2" || len(got) != n+1 {
			t.Errorf("%d others: A is %q among %d names", n, got["A"], len(got))
		}
	}
}

func TestEventSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		data := AppendEvent(nil, &e)
		got, err := DecodeEvent(data)
		if err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("got  %+v\nwant %+v\nwire %s", got, e, data)
		}
		std, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again Event
		if err := json.Unmarshal(std, &again); err != nil {
			t.Fatalf("through encoding/json: %v", err)
		}
	})
}

func anyEvent(t *rapid.T) Event {
	e := Event{
		Request: Request{
			Time: anyTime(t), URI: "/" + text(t), Verb: rapid.StringMatching(`[A-Z]{1,8}`).Draw(t, "verb"),
			Headers: anyHeaders(t), APIVersion: text(t), IPAddress: text(t), Body: anyBody(t),
			ContentLength: rapid.Int64Min(-1).Draw(t, "length"),
		},
		UserID: text(t), CompanyID: text(t), SubscriptionID: text(t), SessionToken: text(t),
		TransactionID: text(t), Direction: text(t), BlockedBy: text(t),
		Weight: rapid.IntRange(0, 1<<31-1).Draw(t, "weight"),
	}
	if rapid.Bool().Draw(t, "answered") {
		e.Response = &Response{
			Time: anyTime(t), Status: rapid.IntRange(0, 999).Draw(t, "status"), Headers: anyHeaders(t),
			IPAddress: text(t), Body: anyBody(t), ContentLength: rapid.Int64Min(-1).Draw(t, "length"),
		}
		e.Response.TransferEncoding = transferEncoding("base64", e.Response.Body)
	}
	if rapid.Bool().Draw(t, "metadata") {
		e.Metadata = json.RawMessage(`{"gatemeter":` + string(AppendString(nil, text(t))) + `}`)
	}
	return e
}

func text(t *rapid.T) string { return rapid.String().Draw(t, "text") }

func anyTime(t *rapid.T) time.Time {
	return time.UnixMicro(rapid.Int64Range(-60_000_000_000_000_000, 250_000_000_000_000_000).Draw(t, "time")).UTC()
}

func anyHeaders(t *rapid.T) Headers {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z][a-z-]{0,12}`), 0, 80, rapid.ID).Draw(t, "names")
	var hs Headers
	for _, name := range names {
		hs = append(hs, Header{name, text(t)})
	}
	return hs
}

func anyBody(t *rapid.T) json.RawMessage {
	switch rapid.IntRange(0, 4).Draw(t, "body") {
	case 0:
		return nil
	case 1:
		return AppendString(nil, text(t))
	case 2:
		return json.RawMessage(`-1.5e+10`)
	case 3:
		return json.RawMessage(`[ true, {} , null ]`)
	}
	return json.RawMessage(`{"a":` + string(AppendString(nil, text(t))) + `}`)
}

func FuzzAppendEvent(f *testing.F) {
	f.Add("/a", "ada", "X-A", "x-a", "v\xff\x00", int64(1_700_000_000_000_000), int64(5), 3)
	f.Fuzz(func(t *testing.T, uri, user, name, other, value string, micros, length int64, weight int) {
		hs := Headers{{name, value}, {other, uri}, {"Set-Cookie", value}, {"set-cookie", user}}
		e := Event{
			Request:  Request{Time: time.UnixMicro(micros), URI: uri, Verb: name, Headers: hs, ContentLength: length},
			Response: &Response{Status: weight, Headers: hs, IPAddress: user}, UserID: user, Weight: weight,
		}
		data := AppendEvent(nil, &e)
		if !scan.Valid(data) || !json.Valid(data) {
			t.Fatalf("not JSON: %s", data)
		}
		var got struct {
			Request struct{ URI string }
			UserID  string `json:"user_id"`
		}
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if got.Request.URI != clean(uri) || got.UserID != clean(user) {
			t.Errorf("got %+v from uri %q, user %q", got, uri, user)
		}
	})
}

// clean returns s with each byte that is no UTF-8 replaced, as a range loop does.
func clean(s string) string { return string([]rune(s)) }
