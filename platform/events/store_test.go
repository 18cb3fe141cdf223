package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t testing.TB) *Store {
	t.Helper()
	return openWith(t, Options{})
}

func openWith(t testing.TB, o Options) *Store {
	t.Helper()
	return openPath(t, filepath.Join(t.TempDir(), "events.duckdb"), o)
}

func openPath(t testing.TB, path string, o Options) *Store {
	t.Helper()
	if o.MemoryLimit == 0 {
		o.MemoryLimit = 512 << 20
	}
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// loadNext loads the events as the next block.
func loadNext(t testing.TB, s *Store, app string, received time.Time, events ...wire.Event) {
	t.Helper()
	position, err := s.Position(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(context.Background(), 0, []Block{{Seq: position + 1, App: app, ReceivedAt: received, Events: events}}); err != nil {
		t.Fatal(err)
	}
}

func decode(t testing.TB, document string) wire.Event {
	t.Helper()
	e, err := wire.DecodeEvent([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// call is an event of n seconds after noon.
func call(id string, n int) wire.Event {
	at := noon.Add(time.Duration(n) * time.Second)
	return wire.Event{
		TransactionID: id,
		Request:       wire.Request{Time: at, URI: "https://api.test/orders", Verb: "GET", ContentLength: -1},
		Response:      &wire.Response{Time: at.Add(10 * time.Millisecond), Status: 200, ContentLength: -1},
	}
}

func TestTheWireFormComesBackAsItWas(t *testing.T) {
	s := open(t)
	for name, document := range map[string]string{
		"everything":            `{"request":{"time":"2026-11-22T11:59:59.000001Z","uri":"https://api.test/v1/orders/7?expand=a%20b","verb":"POST","headers":{"User-Agent":"sdk/1","X-Two":"a, b","Set-Cookie":["a=1","b=2"],"X-Umlaut":"grün"},"api_version":"2","ip_address":"10.0.0.1","body":{"a":[1,2.50,"x"]},"transfer_encoding":"json","content_length":17},"response":{"time":"2026-11-22T11:59:59.250002Z","status":201,"headers":{"Content-Type":"application/json"},"ip_address":"10.0.0.2","body":"aGk=","transfer_encoding":"base64","content_length":2},"user_id":"u","company_id":"c","subscription_id":"s","session_token":"t","transaction_id":"everything","direction":"Incoming","weight":5,"blocked_by":"rule","metadata":{"krakend":{"x":1},"gatemeter":{"route":"/v1/orders/{id}","identity":"verified","cut":["request.body"]}}}`,
		"next to nothing":       `{"request":{"time":"2026-11-22T11:00:00.000000Z","uri":"/","verb":"GET","headers":{}},"transaction_id":"next to nothing","weight":1}`,
		"answer without a time": `{"request":{"time":"2026-11-22T11:00:00.000000Z","uri":"http://h","verb":"GET","headers":{}},"response":{"status":500,"headers":{}},"transaction_id":"answer without a time","weight":1}`,
		"odd targets":           `{"request":{"time":"2026-11-22T11:00:00.000000Z","uri":"HTTP://Host:80//a/../b?#frag?x","verb":"GET","headers":{}},"transaction_id":"odd targets","weight":1}`,
		"body of an answer":     `{"request":{"time":"2026-11-22T11:00:00.000000Z","uri":"https://h/a?b?c","verb":"GET","headers":{}},"response":{"time":"2026-11-22T11:00:00.000000Z","status":200,"headers":{},"body":false},"transaction_id":"body of an answer","weight":2147483647}`,
	} {
		t.Run(name, func(t *testing.T) {
			loadNext(t, s, "app", noon, decode(t, document))
			got, err := s.Get(t.Context(), "app", name)
			if err != nil {
				t.Fatal(err)
			}
			if b := wire.AppendEvent(nil, &got); string(b) != document {
				t.Errorf("got  %s\nwant %s", b, document)
			}
		})
	}
}

func TestTheRowOfAnEvent(t *testing.T) {
	s := open(t)
	const gatemeter = `,"metadata":{"gatemeter":{"route":"/o/{id}","identity":"verified","refused":"quota"}}`
	for i, c := range []struct {
		name, request, rest string // members of the request, and of the event
		column, want        string
	}{
		{"own route", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o/7"`, gatemeter, "route", "/o/{id}"},
		{"own route is not guessed", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o/7"`, gatemeter, "route_guessed", "false"},
		{"no route matched", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o/7"`, `,"metadata":{"gatemeter":{"identity":"none"}}`, "route", ""},
		{"identity", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o/7"`, gatemeter, "identity", "verified"},
		{"refused", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o/7"`, gatemeter, "refused", "quota"},
		{"foreign route", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o/7/x?a=1"`, "", "route", "/o/{id}/x"},
		{"foreign route is guessed", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o/7"`, "", "route_guessed", "true"},
		{"foreign identity", `"time":"2026-11-22T12:00:00Z","uri":"/"`, `,"company_id":"c"`, "identity", "claimed"},
		{"foreign nobody", `"time":"2026-11-22T12:00:00Z","uri":"/"`, "", "identity", "none"},
		{"query", `"time":"2026-11-22T12:00:00Z","uri":"https://h/o?a=1&b=2"`, "", "query", "a=1&b=2"},
		{"host", `"time":"2026-11-22T12:00:00Z","uri":"https://h:8080?a"`, "", "host", "h:8080"},
		{"path", `"time":"2026-11-22T12:00:00Z","uri":"https://h:8080?a"`, "", "path", "/"},
		{"user agent", `"time":"2026-11-22T12:00:00Z","uri":"/","headers":{"user-agent":"x"}`, "", "user_agent", "x"},
		{"clock 5 minutes ahead", `"time":"2026-11-22T12:05:00Z","uri":"/"`, "", "ahead", "false"},
		{"clock further ahead", `"time":"2026-11-22T12:05:00.000001Z","uri":"/"`, "", "ahead", "true"},
		{"time is when it was received", `"time":"2026-11-22T12:05:00.000001Z","uri":"/"`, "", "epoch_us(time)", fmt.Sprint(noon.UnixMicro())},
		{"5 minutes old", `"time":"2026-11-22T11:55:00Z","uri":"/"`, "", "late", "false"},
		{"older than 5 minutes", `"time":"2026-11-22T11:54:59.999999Z","uri":"/"`, "", "late", "true"},
		{"duration", `"time":"2026-11-22T12:00:00Z","uri":"/"`, `,"response":{"time":"2026-11-22T12:00:01.5Z","status":200}`, "duration_us", "1500000"},
		{"never negative", `"time":"2026-11-22T12:00:00Z","uri":"/"`, `,"response":{"time":"2026-11-22T11:00:01.5Z","status":200}`, "duration_us", "0"},
		{"duration of a moved call", `"time":"2026-11-23T12:00:00Z","uri":"/"`, `,"response":{"time":"2026-11-23T12:00:01Z","status":200}`, "duration_us", "1000000"},
		{"weight", `"time":"2026-11-22T12:00:00Z","uri":"/"`, "", "weight", "1"},
		{"empty is null", `"time":"2026-11-22T12:00:00Z","uri":"/"`, `,"user_id":""`, "user_id IS NULL", "true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := fmt.Sprint("row ", i)
			loadNext(t, s, "app", noon, decode(t, `{"transaction_id":"`+id+`","request":{"verb":"GET",`+c.request+`}`+c.rest+`}`))
			var got string
			err := s.db.QueryRowContext(t.Context(), "SELECT coalesce(("+c.column+")::VARCHAR, '') FROM events WHERE transaction_id = ?", id).Scan(&got)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("%s is %q, want %q", c.column, got, c.want)
			}
		})
	}
}

func TestTheSameBlocksLoadedAgainChangeNothing(t *testing.T) {
	s := open(t)
	blocks := []Block{
		{Seq: 3, App: "a", ReceivedAt: noon, Events: []wire.Event{call("1", 0), call("2", 1)}},
		{Seq: 4, App: "b", ReceivedAt: noon, Events: []wire.Event{call("3", 0)}, Dropped: map[string]int{"unreadable": 2}},
		{Seq: 7, App: "a", ReceivedAt: noon, Actions: []wire.Action{{ActionName: "clicked", Request: wire.ActionRequest{URI: "/x"}}}},
	}
	ctx := t.Context()
	for _, piece := range [][]Block{blocks[:2], blocks[:1], blocks[:2], blocks, blocks} {
		if err := s.Load(ctx, 0, piece); err != nil {
			t.Fatal(err)
		}
		if err := s.Reopen(ctx); err != nil { // as after a crash
			t.Fatal(err)
		}
	}
	got, err := s.Books(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got.Position != 7 || got.Stored["a"] != 3 || got.Stored["b"] != 1 || got.Dropped["b"]["unreadable"] != 2 {
		t.Errorf("books %+v", got)
	}
}

func TestALoadIsWholeOrNotAtAll(t *testing.T) {
	s := open(t)
	bad := call("2", 0)
	bad.Request.Time = time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC) // beyond DuckDB's timestamps
	received := bad.Request.Time
	blocks := []Block{
		{Seq: 1, App: "a", ReceivedAt: noon, Events: []wire.Event{call("1", 0)}},
		{Seq: 2, App: "a", ReceivedAt: received, Events: []wire.Event{bad}},
	}
	if err := s.Load(t.Context(), 0, blocks); err == nil {
		t.Fatal("an impossible row was loaded")
	}
	if err := s.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	books, err := s.Books(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if books.Position != 0 || books.Stored["a"] != 0 {
		t.Errorf("half a load is there: %+v", books)
	}
}

func TestBytesThatAreNoUTF8DoNotStopALoad(t *testing.T) {
	s := open(t)
	e := call("1", 0)
	e.UserID, e.Request.Verb = "a\xffb", "G\xffT"
	e.Request.Headers = wire.Headers{{Name: "X", Value: "\xff"}}
	e.Metadata = []byte(`{"gatemeter":{"route":"/` + "\xff" + `","identity":"` + "\xff" + `"}}`)
	loadNext(t, s, "a", noon, e)
	got, err := s.Get(t.Context(), "a", "1")
	if err != nil || got.UserID != "a\uFFFDb" {
		t.Errorf("%q, %v", got.UserID, err)
	}
}

func TestAStoreThatIsDownSaysSo(t *testing.T) {
	s := open(t)
	if err := s.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, positionErr := s.Position(t.Context())
	_, _, listErr := s.List(t.Context(), Filter{App: "a"}, Page{})
	for _, err := range []error{s.Ready(), positionErr, listErr, s.Load(t.Context(), 0, nil), s.Reopen(t.Context())} {
		if !errors.Is(err, ErrDown) {
			t.Errorf("got %v, want %v", err, ErrDown)
		}
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	s := open(t)
	if _, err := s.db.ExecContext(t.Context(), statement("schema_applied"), 99); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(t.Context()); err == nil {
		t.Error("a schema of version 99 was opened")
	}
}

func TestFoldPath(t *testing.T) {
	for path, want := range map[string]string{
		"/":                        "/",
		"":                         "",
		"/orders":                  "/orders",
		"/v1/orders/123":           "/v1/orders/{id}",
		"/v1/orders/123/":          "/v1/orders/{id}/",
		"/123":                     "/{id}",
		"//1//":                    "//{id}//",
		"/users/ann@example.com/x": "/users/{id}/x",
		"/users/ann%40example.com": "/users/{id}",
		"/@ann":                    "/@ann",
		"/o/6f1f1c2e-7d8b-4c43-9d0e-5b6a7c8d9e0f/lines/2": "/o/{id}/lines/{id}",
		"/o/5f43a3b1c9e77c0001a3b2c1":                     "/o/{id}",
		"/deadbeef":                                       "/deadbeef",
		"/cus_9s6XKzkNRiz8i3":                             "/{id}",
		"/01ARZ3NDEKTSV4RRFFQ69G5FAV":                     "/{id}",
		"/order-12345":                                    "/{id}",
		"/oauth2/token":                                   "/oauth2/token",
		"/v2/s3/mp3/h264":                                 "/v2/s3/mp3/h264",
		"/index.html":                                     "/index.html",
		"/2026-11-22/report":                              "/{id}/report",
		"/files:upload":                                   "/files:upload",
		"/weather-forecast":                               "/weather-forecast",
	} {
		if got := FoldPath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func FuzzURIsComeTogetherAgain(f *testing.F) {
	for _, s := range []string{"https://h/p?q#f", "/p", "", "?", "a://b", "://", "https://h?q"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if u := splitURI(s); u.join() != s && s != "" {
			t.Errorf("%q became %q", s, u.join())
		}
		FoldPath(s)
	})
}

func FuzzHeadersComeBack(f *testing.F) {
	f.Add("A", "1", "B", "2")
	f.Add("A", "1", "A", "\"\\\u2028")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string) {
		hs := wire.Headers{{Name: text(n1), Value: text(v1)}, {Name: text(n2), Value: text(v2)}}
		b := appendHeaders(nil, hs)
		if !json.Valid(b) {
			t.Fatalf("not JSON: %s", b)
		}
		got, err := parseHeaders(string(b))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(hs) {
			t.Errorf("%q became %q, %v", hs, got, err)
		}
	})
}
