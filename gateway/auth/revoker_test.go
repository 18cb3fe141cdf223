package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// clock is one that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Unix(1_800_000_000, 900_000_000)} }

func revokerOf(c config.Revoker, set *Revoked) *Revoker {
	return NewRevoker(&c, set, slog.New(slog.DiscardHandler))
}

// call makes one call to r as a program on the same machine would.
func call(r *Revoker, path, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Host = "127.0.0.1:1234"
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

func revoke(t testing.TB, r *Revoker, body string) {
	t.Helper()
	if w := call(r, "/add", body); w.Code != 200 {
		t.Fatalf("%.100s: got %d %s", body, w.Code, w.Body)
	}
}

// A token is refused from the moment in which one of its token_keys is revoked, though
// it was verified before and is remembered (KrakenD v3, 3: 401).
func TestARevokedTokenIsRefusedThoughItIsRemembered(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "k")
	k, at := keeperOf(t), newClock()
	r := revokerOf(config.Revoker{Most: 10, TTL: time.Minute, Keys: []string{"jti", "sub"}}, NewRevoked(at.now))
	k.Ask(r)
	g := guardOf(t, k, trusting(issuerOf(t, key).URL, "HS256"))
	claims := []string{`{"jti":"a","sub":"ann"}`, `{"jti":"b","sub":"ann"}`, `{"jti":7,"sub":"eve"}`, `{"jti":["a"],"sub":{"x":1}}`, `{}`, `{"jti":true}`, `{"jti":null,"sub":""}`}
	statuses := func() (all string) {
		for _, c := range claims {
			all += fmt.Sprint(statusOf(t, g, "Authorization: Bearer "+signed(t, "HS256", key, c)), " ")
		}
		return all
	}
	for _, step := range []struct{ body, want string }{
		{"", "200 200 200 200 200 200 200 "},
		{`{"key":"jti","value":"a"}`, "401 200 200 200 200 200 200 "},
		{`{"key":"sub","value":"a"}`, "401 200 200 200 200 200 200 "}, // another claim's value
		{`[{"key":"jti","value":"7"},{"key":"jti","value":true}]`, "401 200 401 200 200 401 200 "},
		{`{"key":"sub","value":"ann"}`, "401 401 401 200 200 401 200 "},
	} {
		if step.body != "" {
			revoke(t, r, step.body)
		}
		if got := statuses(); got != step.want {
			t.Errorf("after %s: got %s, want %s", step.body, got, step.want)
		}
	}
	at.at = at.at.Add(time.Minute)
	if got := statuses(); !strings.HasPrefix(got, "401 401 401") {
		t.Errorf("within TTL: got %s", got)
	}
	at.at = at.at.Add(time.Second)
	if got, want := statuses(), "200 200 200 200 200 200 200 "; got != want {
		t.Errorf("after TTL: got %s", got)
	}
}

// N bounds the values at a time: what is one too many is refused whole, and what is
// there already needs no room.
func TestRevocationsAreBoundedAndExpire(t *testing.T) {
	at := newClock()
	set := NewRevoked(at.now)
	r := revokerOf(config.Revoker{Most: 3, TTL: 10 * time.Second, Keys: []string{"jti"}}, set)
	one := func(v string) string { return `{"key":"jti","value":"` + v + `"}` }
	later := func(d time.Duration) { at.at = at.at.Add(d) }
	check := func(want string) {
		t.Helper()
		w := call(r, "/check", "["+one("a")+","+one("b")+","+one("c")+","+one("d")+"]")
		if got := strings.TrimSpace(w.Body.String()); got != `{"revoked":[`+want+`]}` {
			t.Errorf("got %d %s, want %s", w.Code, got, want)
		}
	}
	revoke(t, r, "["+one("a")+","+one("a")+"]")
	later(5 * time.Second)
	revoke(t, r, one("b"))
	if w := call(r, "/add", "["+one("c")+","+one("d")+"]"); w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), "auth/revoker.N") {
		t.Errorf("too many: got %d %s", w.Code, w.Body)
	}
	check("true,true,false,false")
	revoke(t, r, "["+one("a")+","+one("b")+","+one("c")+"]") // a again: for ten seconds from now
	later(7 * time.Second)
	check("true,true,true,false")
	if w := call(r, "/add", one("d")); w.Code != http.StatusInsufficientStorage {
		t.Errorf("full: got %d", w.Code)
	}
	later(4 * time.Second)
	check("false,false,false,false")
	revoke(t, r, one("d"))
	check("false,false,false,true")
	if n := set.count.Load(); n != 1 || len(set.queue)-set.head != 1 {
		t.Errorf("%d values are kept, %d in the queue", n, len(set.queue)-set.head)
	}
	for i := range 1000 { // one at a time, for ever
		later(4 * time.Second)
		revoke(t, r, one(fmt.Sprint(i)))
	}
	if n := set.count.Load(); n > 3 || len(set.queue) > 10 {
		t.Errorf("%d values are kept, %d in the queue", n, len(set.queue))
	}
}

func TestTheRevokerRefusesOddCalls(t *testing.T) {
	open := revokerOf(config.Revoker{Most: 20_000, TTL: time.Minute, Keys: []string{"jti", "sub"}}, NewRevoked(nil))
	locked := revokerOf(config.Revoker{Most: 10, TTL: time.Minute, Keys: []string{"jti"}, APIKey: "s3cret"}, NewRevoked(nil))
	const good = `{"key":"jti","value":"a"}`
	many := "[" + strings.Repeat(good+",", mostRevocations) + good + "]"
	for _, tt := range []struct {
		r          *Revoker
		path, body string
		header     string
		status     int
		says       string
	}{
		{open, "/add", good, "", 200, `{"added":1}`},
		{open, "/add", "[" + good + "]", "Host: localhost:1234", 200, `{"added":1}`},
		{open, "/add", good, "Host: [::1]:1234", 200, `{"added":1}`},
		{open, "/check", good, "", 200, `{"revoked":[true]}`},
		{open, "/add", many[:len(many)-len(good)-2] + "]", "", 200, `{"added":10000}`},
		{open, "/add", many, "", 400, "must have from 1 to 10000 values (got 10001)"},
		{open, "/add", `[]`, "", 400, "must have from 1 to 10000 values (got 0)"},
		{open, "/add", `null`, "", 400, "must have from 1 to 10000 values (got 0)"},
		{open, "/add", ``, "", 400, "or a list of such"},
		{open, "/add", `"jti-a"`, "", 400, "or a list of such"},
		{open, "/add", good + good, "", 400, "or a list of such"},
		{open, "/add", `{"key":"jti","value":"a","ttl":1}`, "", 400, "or a list of such"},
		{open, "/add", "[" + good + `,{"key":"email","value":"a"}]`, "", 400, `[1].key: must be one of token_keys, jti, sub (got \"email\")`},
		{open, "/add", `{"key":"jti","value":""}`, "", 400, "[0].value: must be a text that is not empty, a number or a boolean"},
		{open, "/add", `{"key":"jti"}`, "", 400, "[0].value: must be"},
		{open, "/add", `{"key":"jti","value":["a"]}`, "", 400, "[0].value: must be"},
		{open, "/add", strings.Repeat(" ", mostRevocationBytes) + good, "", 413, "1048576 bytes"},
		{open, "/add", good, "Content-Type: text/plain", 415, "application/json"},
		{open, "/add", good, "Host: rebound.example", 403, "by an address"},
		{open, "/remove", good, "", 404, ""},
		{locked, "/add", good, "", 401, "api_key"},
		{locked, "/add", good, "Authorization: Bearer secret", 401, "api_key"},
		{locked, "/add", good, "Authorization: Basic s3cret", 401, "api_key"},
		{locked, "/add", good, "Authorization: bearer s3cret", 200, `{"added":1}`},
	} {
		w := call(tt.r, tt.path, tt.body, tt.header)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %.60s %s: got %d %s, want %d %s", tt.path, tt.body, tt.header, w.Code, w.Body, tt.status, tt.says)
		}
	}
	w := httptest.NewRecorder()
	get := httptest.NewRequest(http.MethodGet, "/add", nil)
	get.Host = "localhost"
	if open.ServeHTTP(w, get); w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: got %d %v", w.Code, w.Header())
	}
	if w := call(locked, "/add", good, "Host: gateway.example", "Authorization: Bearer s3cret"); w.Code != 200 {
		t.Errorf("by name, with the key: got %d", w.Code)
	}
}

func TestTheRevokersLogTellsNoValues(t *testing.T) {
	log := &bytes.Buffer{}
	r := NewRevoker(&config.Revoker{Most: 1, TTL: time.Minute, Keys: []string{"jti"}}, NewRevoked(nil), slog.New(slog.NewTextHandler(log, nil)))
	for _, v := range []string{"value-of-ann", "value-of-eve"} {
		call(r, "/add", `{"key":"jti","value":"`+v+`"}`)
	}
	if text := log.String(); strings.Contains(text, "value-of") || !strings.Contains(text, "auth/revoker: revoked") || !strings.Contains(text, "level=ERROR") {
		t.Errorf("the log is %s", text)
	}
}

// For the race detector: those who add and those who ask at the same time.
func TestRevokingWhileTokensAreChecked(t *testing.T) {
	r := revokerOf(config.Revoker{Most: 1000, TTL: time.Minute, Keys: []string{"jti"}}, NewRevoked(nil))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 200 {
				body := fmt.Sprintf(`{"key":"jti","value":"%d-%d"}`, i, j)
				if w := call(r, "/add", body); w.Code != 200 {
					t.Errorf("got %d", w.Code)
				}
				if !r.revokes(map[string]any{"jti": fmt.Sprintf("%d-%d", i, j)}) {
					t.Errorf("%d-%d is not revoked", i, j)
				}
				if r.revokes(map[string]any{"jti": "of nobody"}) {
					t.Error("somebody else is")
				}
			}
		})
	}
	all.Wait()
	if n := r.set.count.Load(); n != 800 {
		t.Errorf("%d values", n)
	}
}

func FuzzRevocations(f *testing.F) {
	f.Add([]byte(`{"key":"jti","value":"a"}`))
	f.Add([]byte(`[{"key":"jti","value":7.0},{"key":"sub","value":true}]`))
	f.Add([]byte(` [ ] `))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := revokerOf(config.Revoker{Most: mostRevocations, TTL: time.Minute, Keys: []string{"jti", "sub"}}, NewRevoked(nil))
		ids, err := r.parse(body)
		if err != nil {
			if call(r, "/add", string(body)).Code == 200 {
				t.Errorf("%s is taken", body)
			}
			return
		}
		if w := call(r, "/add", string(body)); w.Code != 200 {
			t.Fatalf("%s: got %d %s", body, w.Code, w.Body)
		}
		var answer struct{ Revoked []bool }
		if err := json.Unmarshal(call(r, "/check", string(body)).Body.Bytes(), &answer); err != nil || len(answer.Revoked) != len(ids) {
			t.Fatalf("%s: got %v, %v", body, answer, err)
		}
		for i, is := range answer.Revoked {
			if !is {
				t.Errorf("%s: [%d] is not revoked", body, i)
			}
		}
	})
}
