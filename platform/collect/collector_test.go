package collect_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/collect"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/gatemeter/gatemeter/platform/state"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// memory is a journal that keeps batches to be looked at.
type memory struct {
	batches []journal.Batch
	err     error
	ready   error
}

func (m *memory) Ready() error { return m.ready }

func (m *memory) Append(_ context.Context, b journal.Batch) (journal.Receipt, error) {
	if m.err != nil {
		return journal.Receipt{}, m.err
	}
	b.Entries = slices.Clone(b.Entries)
	for i := range b.Entries { // which are read during Append only
		b.Entries[i].Data, b.Entries[i].ID = slices.Clone(b.Entries[i].Data), strings.Clone(b.Entries[i].ID)
	}
	m.batches = append(m.batches, b)
	return journal.Receipt{Seq: uint64(len(m.batches))}, nil
}

func (m *memory) last(t *testing.T) journal.Batch {
	t.Helper()
	if len(m.batches) == 0 {
		t.Fatal("nothing was journalled")
	}
	return m.batches[len(m.batches)-1]
}

func (m *memory) event(t *testing.T, i int) wire.Event {
	t.Helper()
	var r journal.EventReader
	var e wire.Event
	if err := r.Read(&e, m.last(t).Entries[i].Data); err != nil {
		t.Fatal(err)
	}
	return e
}

type fixture struct {
	t         testing.TB
	collector *collect.Collector
	journal   *memory
	customers *customers.Store
	gate      *access.Gate
	app       access.Application
	docs      *rules.Documents
}

func setUp(t testing.TB) *fixture {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	gate, err := access.Open(t.Context(), db, access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return noon }
	f := &fixture{t: t, journal: &memory{}, customers: customers.New(db, clock), gate: gate, app: gate.Applications()[0]}
	r := rules.New(db, clock)
	if f.docs, err = r.Of(t.Context(), f.app); err != nil {
		t.Fatal(err)
	}
	f.collector = collect.New(collect.Options{
		Gate: gate, Journal: f.journal, Customers: f.customers, Rules: r,
		Clock: clock, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	return f
}

func (f *fixture) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "198.51.100.9:4711"
	r.Header.Set("X-Moesif-Application-Id", f.app.ApplicationID)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.collector.ServeHTTP(w, r)
	h := w.Result().Header
	if h.Get("X-Moesif-Config-ETag") == "" || h.Get("X-Moesif-Rules-Tag") == "" || h.Get("Access-Control-Allow-Origin") != "*" {
		f.t.Errorf("%s %s: an answer without tags or CORS: %v", method, path, h)
	}
	return w
}

func (f *fixture) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.do(http.MethodPost, path, body, headers...)
}

func (f *fixture) want(w *httptest.ResponseRecorder, status int, rejected ...wire.Rejection) {
	f.t.Helper()
	if w.Code != status {
		f.t.Fatalf("got %d %s, want %d", w.Code, w.Body, status)
	}
	if status != http.StatusCreated {
		var p struct{ Title, Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
			f.t.Errorf("%d without a problem document: %s", w.Code, w.Body)
		}
		return
	}
	a, err := wire.DecodeBatchAnswer(w.Body.Bytes())
	if err != nil || !slices.Equal(a.Rejected, rejected) {
		f.t.Errorf("rejected %v (%v), want %v", a.Rejected, err, rejected)
	}
	if w.Header().Get("X-Moesif-Config-ETag") != f.docs.Tags.Config || w.Header().Get("X-Moesif-Rules-Tag") != f.docs.Tags.Rules {
		f.t.Errorf("the tags are not the application's: %v", w.Header())
	}
}

// call is an event as an SDK sends it, with the given members added.
func call(at, more string) string {
	return `{"request":{"time":"` + at + `","uri":"https://api.test/a","verb":"GET","headers":{}},` +
		`"response":{"time":"` + at + `","status":200,"headers":{}}` + more + `}`
}

const now = "2026-11-22T11:59:00.000Z"

func TestPayloadsOfTheSDKsAreTaken(t *testing.T) {
	second := time.Date(2026, 11, 22, 11, 59, 58, 0, time.UTC)
	for name, c := range map[string]struct {
		event string
		time  time.Time
		user  string
	}{
		"go: arrays of header values and pointers to empty strings": {
			`{"request":{"time":"2026-11-22T11:59:58.123456789Z","uri":"https://api.test/a?b=1","verb":"POST","headers":{"Accept":["a","b"],"X":["1"]},"api_version":"1.0","ip_address":"203.0.113.7","body":{"a":1},"transfer_encoding":"json","content_length":7},
			  "response":{"time":"2026-11-22T11:59:58.2Z","status":201,"headers":{"Content-Type":["application/json"]},"body":{"ok":true},"transfer_encoding":""},
			  "session_token":"","tags":"","user_id":"","company_id":"","metadata":null,"direction":"Incoming","weight":1}`,
			second.Add(123456 * time.Microsecond), "",
		},
		"node": {
			`{"request":{"time":"2026-11-22T11:59:58.123Z","uri":"http://api.test/a","verb":"GET","headers":{"host":"api.test","set":["x","y"]},"ipAddress":"1.1.1.1"},
			  "response":{"time":"2026-11-22T11:59:58.500Z","status":599,"headers":{}},"user_id":"ada","weight":1}`,
			second.Add(123 * time.Millisecond), "ada",
		},
		"python: no zone": {
			`{"request":{"time":"2026-11-22T11:59:58.123","uri":"http://api.test/a","verb":"GET","headers":{},"body":null,"transfer_encoding":null},
			  "response":{"time":"2026-11-22T11:59:58.500","status":200,"headers":{},"body":"aGVsbG8=","transfer_encoding":"base64"},"user_id":"ada","blocked_by":null}`,
			second.Add(123 * time.Millisecond), "ada",
		},
		"kong: unpadded milliseconds": {
			`{"request":{"time":"2026-11-22T11:59:58.5","uri":"http://api.test/a","verb":"GET","headers":{"host":"api.test"}},
			  "response":{"time":"2026-11-22T11:59:58.57","status":200,"headers":[]},"user_id":42,"metadata":{"kong":{"service_name":"s"}}}`,
			second.Add(500 * time.Millisecond), "42",
		},
		"wasm: nanoseconds and an offset": {
			`{"request":{"time":"2026-11-22T12:59:58.000000001+01:00","uri":"/only/path","verb":"GET","headers":{},"body":"raw text"},"direction":"Incoming"}`,
			second, "",
		},
	} {
		f := setUp(t)
		f.want(f.post("/v1/events", c.event), http.StatusCreated)
		e := f.journal.event(t, 0)
		if !e.Request.Time.Equal(c.time) || e.UserID != c.user {
			t.Errorf("%s: got %v for %q, want %v for %q", name, e.Request.Time, e.UserID, c.time, c.user)
		}
		if e.Request.IPAddress == "" {
			t.Errorf("%s: no address", name)
		}
		if len(e.TransactionID) != 36 {
			t.Errorf("%s: transaction id %q", name, e.TransactionID)
		}
	}
}

func TestOneBadEventDoesNotSpoilItsBatch(t *testing.T) {
	f := setUp(t)
	w := f.post("/v1/events/batch", "["+strings.Join([]string{
		call(now, ""), `{"request":{}}`, call("2026-10-23T11:59:59Z", ""), `7`, call("2026-10-23T12:00:01Z", ""),
		call(now, `,"metadata":{"x":"`+strings.Repeat("x", 1<<20)+`"}`),
	}, ",")+"]")
	f.want(w, http.StatusCreated,
		wire.Rejection{Index: 1, Reason: "malformed"}, wire.Rejection{Index: 2, Reason: "too_old"},
		wire.Rejection{Index: 3, Reason: "malformed"}, wire.Rejection{Index: 5, Reason: "too_large"})
	b := f.journal.last(t)
	var said struct{ Rejected []struct{ Detail string } }
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"request.time", "request.time: must be at most 30 days ago (got 2026-10-23T11:59:59Z)", "object", "at most 1048576 bytes"} {
		if got := said.Rejected[i].Detail; !strings.Contains(got, want) {
			t.Errorf("item %d is refused with %q, want %q", i, got, want)
		}
	}
	if len(b.Entries) != 2 || fmt.Sprint(b.Rejected) != "map[malformed:2 too_large:1 too_old:1]" {
		t.Errorf("%d entries, rejected %v", len(b.Entries), b.Rejected)
	}
	if b.App != f.app.ID || !b.ReceivedAt.Equal(noon) {
		t.Errorf("batch of %q at %v", b.App, b.ReceivedAt)
	}
}

func TestIdsAreRememberedForAsLongAsTheyCouldBeAccepted(t *testing.T) {
	f := setUp(t)
	f.want(f.post("/v1/events/batch", "["+call(now, `,"transaction_id":"mine"`)+"]"), http.StatusCreated)
	b := f.journal.last(t)
	e := b.Entries[0]
	if want := time.Date(2026, 12, 23, 11, 59, 0, 0, time.UTC); e.ID != "mine" || !e.Until.Equal(want) {
		t.Errorf("id %q until %v, want %v", e.ID, e.Until, want)
	}
	if b.Hash != [32]byte{} {
		t.Error("a batch with ids only is compared by its bytes as well")
	}
	if e := f.journal.event(t, 0); e.TransactionID != "mine" {
		t.Errorf("transaction id %q", e.TransactionID)
	}
}

func TestBatchesWithoutIdsAreComparedByTheirBytesAndSingleEventsNever(t *testing.T) {
	f := setUp(t)
	batch := "[" + call(now, "") + "," + call(now, `,"transaction_id":"mine"`) + "]"
	f.want(f.post("/v1/events/batch", batch), http.StatusCreated)
	first := f.journal.last(t)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, batch); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.want(f.post("/v1/events/batch", b.String(), "Content-Encoding", "gzip"), http.StatusCreated)
	if second := f.journal.last(t); first.Hash == [32]byte{} || first.Hash != second.Hash {
		t.Error("the same batch has another hash")
	}
	if first.Entries[0].ID != "" || first.Entries[1].ID != "mine" {
		t.Errorf("ids %q and %q", first.Entries[0].ID, first.Entries[1].ID)
	}
	f.want(f.post("/v1/events", call(now, "")), http.StatusCreated)
	if f.journal.last(t).Hash != [32]byte{} {
		t.Error("a single event has a hash")
	}
}

func TestBodiesOfALargeEventAreCut(t *testing.T) {
	big := func(n int) string { return `{"x":"` + strings.Repeat("é", n/2) + `"}` }
	for name, c := range map[string]struct {
		request, response string
		cut               []string
		decoded           int // bytes of the response's body
	}{
		"one":   {`{"a":1}`, big(1 << 20), []string{"response.body"}, 450 << 10},
		"both":  {big(900 << 10), big(900 << 10), []string{"request.body", "response.body"}, 450 << 10 * 3 / 4},
		"small": {`{"a":1}`, big(900 << 10), nil, 0},
	} {
		f := setUp(t)
		event := `{"request":{"time":"` + now + `","uri":"https://api.test/a","verb":"GET","body":` + c.request + `},"response":{"time":"` + now + `","status":200,"body":` + c.response +
			`},"metadata":{"krakend":{"a":1},"gatemeter":{"route":"/a"}}}`
		f.want(f.post("/v1/events", event), http.StatusCreated)
		e := f.journal.event(t, 0)
		own, _ := e.Gatemeter()
		if own.Route != "/a" || !slices.Equal(own.Cut, c.cut) || !strings.Contains(string(e.Metadata), `"krakend":{"a":1}`) {
			t.Errorf("%s: metadata %s, want cut %v", name, e.Metadata, c.cut)
		}
		if size := len(f.journal.last(t).Entries[0].Data); size > 1<<20 {
			t.Errorf("%s: %d bytes are left", name, size)
		}
		if c.cut == nil {
			continue
		}
		var text string
		if err := json.Unmarshal(e.Response.Body, &text); err != nil || e.Response.TransferEncoding != "base64" {
			t.Fatalf("%s: %v, transfer encoding %q", name, err, e.Response.TransferEncoding)
		}
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(decoded) != c.decoded || !strings.HasPrefix(c.response, string(decoded)) {
			t.Errorf("%s: %d bytes are left of the body (%v), want the first %d", name, len(decoded), err, c.decoded)
		}
	}
}

func TestBodiesThatAreNoArrayAreRefused(t *testing.T) {
	f := setUp(t)
	for _, body := range []string{"", " ", "{}", "null", "[", "[{}", "[]x", `"x"`, call(now, "")} {
		for _, path := range []string{"/v1/events/batch", "/v1/actions/batch", "/v1/users/batch", "/v1/companies/batch", "/v1/subscriptions/batch"} {
			f.want(f.post(path, body), http.StatusBadRequest)
		}
	}
	for _, body := range []string{"", "[]", "{}", "{"} {
		for _, path := range []string{"/v1/events", "/v1/actions", "/v1/users", "/v1/companies", "/v1/subscriptions"} {
			f.want(f.post(path, body), http.StatusBadRequest)
		}
	}
	f.want(f.post("/v1/events/batch", "[]"), http.StatusCreated)
	if len(f.journal.batches) > 0 {
		t.Error("something was journalled")
	}
}

func TestOnlyApplicationsComeIn(t *testing.T) {
	f := setUp(t)
	for _, path := range []string{"/v1/events", "/v1/events/batch", "/v1/users"} {
		for _, id := range []string{"", "wrong", f.app.ID} {
			f.want(f.post(path, "[]", "X-Moesif-Application-Id", id), http.StatusUnauthorized)
		}
	}
	f.want(f.do(http.MethodGet, "/v1/config", "", "X-Moesif-Application-Id", "wrong"), http.StatusUnauthorized)
	f.want(f.post("/v1/logs", "{}"), http.StatusNotFound)
	f.want(f.do(http.MethodGet, "/v1/events", ""), http.StatusMethodNotAllowed)
	f.want(f.post("/v1/config", ""), http.StatusMethodNotAllowed)
}

func TestWhatIsNotOnDiskIsNotAcknowledged(t *testing.T) {
	f := setUp(t)
	f.journal.err = errors.New("disk is full")
	w := f.post("/v1/events/batch", "["+call(now, "")+"]")
	f.want(w, http.StatusServiceUnavailable)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if strings.Contains(w.Body.String(), "disk") {
		t.Errorf("the answer tells about the inside: %s", w.Body)
	}
}

func TestActionsAreJournalledAsActions(t *testing.T) {
	f := setUp(t)
	f.want(f.post("/v1/actions/batch", `[{"action_name":"Signed Up","user_id":12,"transaction_id":"t","request":{"uri":"https://a.test/"}},{"action_name":"x"}]`),
		http.StatusCreated, wire.Rejection{Index: 1, Reason: "malformed"})
	e := f.journal.last(t).Entries[0]
	a, err := wire.DecodeAction(e.Data)
	if err != nil || e.Kind != journal.Action || e.ID != "t" || a.UserID != "12" || !a.Request.Time.Equal(noon) {
		t.Errorf("got %+v of kind %v (%v)", a, e.Kind, err)
	}
	f.want(f.post("/v1/actions", `{"action_name":"x","request":{"uri":"https://a.test/"}}`), http.StatusCreated)
}

func TestProfilesAreMerged(t *testing.T) {
	f := setUp(t)
	f.want(f.post("/v1/users", `{"user_id":12,"metadata":{"name":"Ada"}}`), http.StatusCreated)
	f.want(f.post("/v1/users/batch", `[{"metadata":{}},{"user_id":"12","company_id":"acme","metadata":{"email":"ada@example.com"}}]`),
		http.StatusCreated, wire.Rejection{Index: 0, Reason: "malformed"})
	f.want(f.post("/v1/companies", `{"company_id":"acme","company_domain":"acme.test"}`), http.StatusCreated)
	f.want(f.post("/v1/subscriptions", `{"subscription_id":"s","company_id":"acme","status":"active"}`), http.StatusCreated)
	u, err := f.customers.User(t.Context(), f.app.ID, "12")
	if err != nil || u.Name != "Ada" || u.Email != "ada@example.com" || u.CompanyID != "acme" {
		t.Errorf("got %+v, %v", u, err)
	}
	if c, err := f.customers.Company(t.Context(), f.app.ID, "acme"); err != nil || c.Domain != "acme.test" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestBrowsersMaySend(t *testing.T) {
	f := setUp(t)
	w := f.do(http.MethodOptions, "/v1/events", "", "X-Moesif-Application-Id", "", "Origin", "https://shop.test", "Access-Control-Request-Method", "POST")
	if w.Code != http.StatusNoContent {
		t.Fatalf("got %d", w.Code)
	}
	for _, name := range []string{"Content-Type", "X-Moesif-Application-Id", "X-Moesif-SDK"} {
		if !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), name) {
			t.Errorf("%s is not allowed", name)
		}
	}
}

func TestConfigAndRulesAreServedWithBothTags(t *testing.T) {
	f := setUp(t)
	for _, path := range []string{"/v1/config", "/v1/rules"} {
		w := f.do(http.MethodGet, path, "")
		if w.Code != http.StatusOK || w.Header().Get("X-Moesif-Config-ETag") != f.docs.Tags.Config || w.Header().Get("X-Moesif-Rules-Tag") != f.docs.Tags.Rules {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if again := f.do(http.MethodGet, path, "", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: got %d, want 304", path, again.Code)
		}
	}
}

func TestProbeAnswersAnybody(t *testing.T) {
	f := setUp(t)
	w := f.do(http.MethodGet, "/health/probe", "", "X-Moesif-Application-Id", "")
	if w.Code != http.StatusOK || w.Body.String() != `{"region":"self-hosted","status":true}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func FuzzAnyBodyIsAnswered(f *testing.F) {
	f.Add("["+call(now, "")+"]", "", 1)
	f.Add("[{}", "gzip", 3)
	f.Add("x\x9c", "deflate", 5)
	f.Add("\x28\xb5\x2f\xfd", "zstd", 1)
	f.Add("\x0b\x00\x80[]\x03", "br", 1)
	f.Add("[]", "gzip, br, zstd", 1)
	paths := []string{
		"/v1/events", "/v1/events/batch", "/v1/actions", "/v1/actions/batch", "/v1/users", "/v1/users/batch",
		"/v1/companies/batch", "/v1/subscriptions/batch",
	}
	x := setUp(f)
	f.Fuzz(func(t *testing.T, body, encoding string, path int) {
		x.t = t
		w := x.post(paths[uint(path)%uint(len(paths))], body, "Content-Encoding", strings.Map(printable, encoding))
		if w.Code != 201 && w.Code != 400 && w.Code != 413 && w.Code != 415 {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
