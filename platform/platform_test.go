package platform_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const adminToken = "a-token-for-administrators"

// server is a platform that runs, and a client of it.
type server struct {
	t      *testing.T
	p      *platform.Platform
	url    string
	dir    string
	appID  string // application id for the collector
	client *http.Client
	stop   func() error
}

func start(t *testing.T, dir string) *server {
	t.Helper()
	p, err := platform.Open(t.Context(), platform.Options{
		Dir: dir, Listen: "127.0.0.1:0", AdminToken: adminToken, Version: "test", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	apps, err := p.Applications(ctx)
	if err != nil || len(apps) == 0 {
		t.Fatal(apps, err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, p: p, dir: dir, url: "http://" + p.Addr(), appID: apps[0].ApplicationID, client: &http.Client{Transport: &http.Transport{}, Jar: jar}}
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		s.client.CloseIdleConnections()
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *server) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(method, path, body, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// try is do for other goroutines than the test's.
func (s *server) try(method, path, body string, headers ...string) (answer, error) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, b}, errors.Join(err, res.Body.Close())
}

// collect posts to the collector and expects 201.
func (s *server) collect(path, body string, headers ...string) {
	s.t.Helper()
	a := s.do(http.MethodPost, path, body, append(headers, "X-Moesif-Application-Id", s.appID)...)
	if a.status != http.StatusCreated {
		s.t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
}

// ask gets from the console API as the administrator.
func (s *server) ask(path string, into any) {
	s.t.Helper()
	a := s.do(http.MethodGet, "/api/v1"+path, "", "Authorization", "Bearer "+adminToken)
	if a.status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		s.t.Fatalf("%s: %v in %s", path, err, a.body)
	}
}

// eventually waits until ok, for ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within ten seconds: %s", what)
		case <-tick.C:
		}
	}
}

type eventList struct {
	Events []struct {
		Request struct {
			Time, URI, Verb string
			Headers         map[string]any
			Body            any
		}
		Response      *struct{ Status int }
		UserID        string `json:"user_id"`
		CompanyID     string `json:"company_id"`
		TransactionID string `json:"transaction_id"`
	}
	Next string
}

func (s *server) events(query string) eventList {
	s.t.Helper()
	var list eventList
	s.ask("/events"+query, &list)
	return list
}

// ago is a time before now in a layout of an SDK.
func ago(d time.Duration, layout string) string { return time.Now().UTC().Add(-d).Format(layout) }

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// call is an event of user and company.
func call(at string, status int, user, company string) string {
	return fmt.Sprintf(`{"request":{"time":%q,"uri":"https://api.test/orders/7","verb":"GET","headers":{"accept":["a","b"]}},`+
		`"response":{"time":%q,"status":%d,"headers":{}},"user_id":%q,"company_id":%q}`, at, at, status, user, company)
}

const goTime = "2006-01-02T15:04:05.999999999Z07:00"

func TestEventsOfSeveralSDKsAreVisibleNewestFirst(t *testing.T) {
	s := start(t, t.TempDir())
	began := time.Now()
	s.collect("/v1/events", call(ago(time.Second, goTime), 200, "go", "acme"))
	kong := "[" + call(ago(2*time.Second, "2006-01-02T15:04:05")+".5", 404, "kong", "acme") + "]"
	s.collect("/v1/events/batch", zipped(t, kong), "Content-Encoding", "deflate")
	s.collect("/v1/events/batch", "["+call(ago(5*time.Second, "2006-01-02T15:04:05.000"), 500, "python", "")+"]")
	var list eventList
	eventually(t, "three events", func() bool { list = s.events(""); return len(list.Events) == 3 })
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("visible after %v", d)
	}
	for i, user := range []string{"go", "kong", "python"} {
		if e := list.Events[i]; e.UserID != user || e.TransactionID == "" {
			t.Errorf("event %d is of %q", i, e.UserID)
		}
	}
	if got := s.events("?status=4xx&company_id=acme"); len(got.Events) != 1 || got.Events[0].UserID != "kong" {
		t.Errorf("got %+v", got)
	}
	if got := s.events("?from=-4s&to=now"); len(got.Events) != 2 {
		t.Errorf("%d events in the last 4 seconds", len(got.Events))
	}
	first := s.events("?limit=2")
	if second := s.events("?limit=2&cursor=" + url.QueryEscape(first.Next)); len(second.Events) != 1 || second.Events[0].UserID != "python" || second.Next != "" {
		t.Errorf("second page %+v", second)
	}
	one := s.do(http.MethodGet, "/api/v1/events/"+list.Events[0].TransactionID, "", "Authorization", "Bearer "+adminToken)
	if one.status != http.StatusOK || !bytes.Contains(one.body, []byte(`"user_id":"go"`)) {
		t.Errorf("got %d %s", one.status, one.body)
	}
	if gone := s.do(http.MethodGet, "/api/v1/events/none", "", "Authorization", "Bearer "+adminToken); gone.status != http.StatusNotFound {
		t.Errorf("got %d for an event that is not there", gone.status)
	}
}

type pipeline struct {
	Apps []struct {
		App                                   string
		Received, Stored, Duplicate, InFlight int64
		Rejected, Dropped                     map[string]int64
		Flying                                int64 `json:"in_flight"`
	}
}

func TestBooksBalanceAndDuplicatesAreCountedOnce(t *testing.T) {
	s := start(t, t.TempDir())
	var empty pipeline
	s.ask("/pipeline", &empty)
	if len(empty.Apps) != 1 || empty.Apps[0].Received != 0 || empty.Apps[0].Rejected == nil || empty.Apps[0].Dropped == nil {
		t.Errorf("before the first event: %+v", empty)
	}
	batch := "[" + call(ago(time.Second, goTime), 200, "a", "") + `,{"bad":1},` + call(ago(40*24*time.Hour, goTime), 200, "a", "") + "]"
	for range 3 {
		s.collect("/v1/events/batch", batch)
	}
	with := strings.Replace(call(ago(time.Second, goTime), 200, "b", ""), `{"request"`, `{"transaction_id":"t-1","request"`, 1)
	s.collect("/v1/events", with)
	s.collect("/v1/events/batch", "["+with+","+call(ago(time.Second, goTime), 200, "c", "")+"]")
	var books pipeline
	eventually(t, "three stored events", func() bool { s.ask("/pipeline", &books); return books.Apps[0].Stored == 3 })
	b := books.Apps[0]
	if b.Received != 12 || b.Duplicate != 3 || b.Rejected["malformed"] != 3 || b.Rejected["too_old"] != 3 || b.Flying != 0 {
		t.Errorf("got %+v", b)
	}
	if sum := b.Stored + b.Duplicate + b.Rejected["malformed"] + b.Rejected["too_old"] + b.Flying; sum != b.Received {
		t.Errorf("received %d, accounted for %d", b.Received, sum)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	s.collect("/v1/users", `{"user_id":"ada","metadata":{"name":"Ada"}}`)
	// Stopped at once: what was acknowledged may be in the journal only.
	s.collect("/v1/events", call(ago(time.Second, goTime), 200, "ada", "acme"))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	again := start(t, dir)
	if again.appID != s.appID {
		t.Error("the application id changed")
	}
	eventually(t, "the event", func() bool { return len(again.events("?user_id=ada").Events) == 1 })
	var u struct{ Name string }
	again.ask("/users/ada", &u)
	if u.Name != "Ada" {
		t.Errorf("got %+v", u)
	}
}

func TestFirstSignInLeadsToAPassword(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	secrets, err := os.ReadFile(filepath.Join(dir, "secrets"))
	if err != nil || !strings.Contains(string(secrets), s.p.SignInURL()) {
		t.Fatalf("secrets: %s (%v)", secrets, err)
	}
	_, token, _ := strings.Cut(s.p.SignInURL(), "token=")
	session := func(a answer) (v struct {
		SignedIn      bool `json:"signed_in"`
		NeedsPassword bool `json:"needs_password"`
		Email         string
		Version       string
	}) {
		t.Helper()
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if err := json.Unmarshal(a.body, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	csrf := []string{"X-Gatemeter-CSRF", "1", "Content-Type", "application/json"}

	if v := session(s.do(http.MethodGet, "/api/v1/session", "")); v.SignedIn || v.Version != "" {
		t.Errorf("signed out: %+v", v)
	}
	if a := s.do(http.MethodGet, "/api/v1/apps", ""); a.status != http.StatusUnauthorized || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := s.do(http.MethodPost, "/api/v1/session", `{"token":"wrong"}`, csrf...); a.status != http.StatusUnauthorized {
		t.Errorf("wrong token: %d %s", a.status, a.body)
	}
	if v := session(s.do(http.MethodPost, "/api/v1/session", `{"token":"`+token+`"}`, csrf...)); !v.SignedIn || !v.NeedsPassword || v.Version != "test" {
		t.Errorf("by token: %+v", v)
	}
	if _, err := os.Stat(filepath.Join(dir, "secrets")); !os.IsNotExist(err) {
		t.Errorf("the used token is still in the secrets file (%v)", err)
	}
	me := `{"email":"ada@example.com","password":"analytical engine"}`
	if a := s.do(http.MethodPut, "/api/v1/me", me, "Content-Type", "application/json"); a.status != http.StatusForbidden {
		t.Errorf("without the CSRF header: %d %s", a.status, a.body)
	}
	if a := s.do(http.MethodPut, "/api/v1/me", me, "Content-Type", "application/json", "Authorization", "Basic eDp5"); a.status != http.StatusForbidden {
		t.Errorf("with a proxy's password, but without the CSRF header: %d %s", a.status, a.body)
	}
	if a := s.do(http.MethodPut, "/api/v1/me", `{"email":"ada@example.com","password":"short"}`, csrf...); a.status != http.StatusUnprocessableEntity {
		t.Errorf("short password: %d %s", a.status, a.body)
	}
	if v := session(s.do(http.MethodPut, "/api/v1/me", me, csrf...)); !v.SignedIn || v.NeedsPassword || v.Email != "ada@example.com" {
		t.Errorf("after the password: %+v", v)
	}
	if a := s.do(http.MethodGet, "/api/v1/apps", ""); a.status != http.StatusOK || !bytes.Contains(a.body, []byte(s.appID)) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := s.do(http.MethodDelete, "/api/v1/session", "", csrf...); a.status != http.StatusNoContent {
		t.Errorf("sign out: %d %s", a.status, a.body)
	}
	if a := s.do(http.MethodPost, "/api/v1/session", `{"token":"`+token+`"}`, csrf...); a.status != http.StatusUnauthorized {
		t.Errorf("the token once more: %d %s", a.status, a.body)
	}
	if v := session(s.do(http.MethodPost, "/api/v1/session", me, csrf...)); !v.SignedIn {
		t.Errorf("by password: %+v", v)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if again := start(t, dir); again.p.SignInURL() != "" {
		t.Error("a new token although somebody has a password")
	}
}

func TestOtherSitesCanNotSignSomebodyIn(t *testing.T) {
	s := start(t, t.TempDir())
	_, token, _ := strings.Cut(s.p.SignInURL(), "token=")
	// What a form of another site can send: no JSON, no header of its own.
	if a := s.do(http.MethodPost, "/api/v1/session", `{"token":"`+token+`"}`, "Content-Type", "text/plain"); a.status == http.StatusOK {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := s.do(http.MethodPost, "/api/v1/session", `{"token":"`+token+`"}`, "Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestStoppingDoesNotWaitForThoseWhoWaitForRules(t *testing.T) {
	s := start(t, t.TempDir())
	a := s.do(http.MethodGet, "/v1/rules", "", "X-Moesif-Application-Id", s.appID)
	tag := a.header.Get("X-Moesif-Rules-Tag")
	held := make(chan int, 1)
	go func() {
		a, err := s.try(http.MethodGet, "/v1/rules", "", "X-Moesif-Application-Id", s.appID, "If-None-Match", `"`+tag+`"`, "Prefer", "wait=60")
		if err != nil {
			t.Error(err)
		}
		held <- a.status
	}()
	eventually(t, "a request that waits", func() bool {
		return bytes.Contains(s.do(http.MethodGet, "/metrics", "").body, []byte("gatemeter_collector_open_requests 1"))
	})
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("stopping took %v", d)
	}
	if status := <-held; status != http.StatusNotModified {
		t.Errorf("who waited got %d, want 304", status)
	}
}

func TestHandlerServesWithoutAnAddress(t *testing.T) {
	p, err := platform.Open(t.Context(), platform.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusOK || p.Addr() != "" {
		t.Errorf("got %d at %q", w.Code, p.Addr())
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBusyPortNamesTheFlag(t *testing.T) {
	s := start(t, t.TempDir())
	_, err := platform.Open(t.Context(), platform.Options{Dir: t.TempDir(), Listen: s.p.Addr(), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "--listen") || !strings.Contains(err.Error(), s.p.Addr()) {
		t.Errorf("got %v", err)
	}
}

func TestDataDirectoryBelongsToOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	start(t, dir)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v (%v), want 0700", info.Mode().Perm(), err)
	}
	_, err := platform.Open(t.Context(), platform.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
	if _, err := platform.Open(t.Context(), platform.Options{Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("opened without a data directory")
	}
}

func TestMachinesAreAnsweredAndStrangersAreNot(t *testing.T) {
	s := start(t, t.TempDir())
	for path, status := range map[string]int{"/livez": 200, "/readyz": 200, "/health/probe": 200, "/metrics": 200, "/": 200, "/api/openapi.json": 200, "/api/nothing": 404, "/v1/nothing": 404} {
		a := s.do(http.MethodGet, path, "")
		if a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: without security headers: %v", path, a.header)
		}
	}
	if a := s.do(http.MethodGet, "/metrics", "", "X-Forwarded-For", "203.0.113.7"); a.status != http.StatusUnauthorized {
		t.Errorf("metrics through a proxy: %d", a.status)
	}
	if a := s.do(http.MethodGet, "/metrics", "", "X-Forwarded-For", "203.0.113.7", "Authorization", "Bearer "+adminToken); a.status != http.StatusOK {
		t.Errorf("metrics with the token: %d", a.status)
	}
	if a := s.do(http.MethodGet, "/api/v1/apps", "", "Authorization", "Bearer wrong"); a.status != http.StatusUnauthorized {
		t.Errorf("wrong bearer token: %d", a.status)
	}
}

func TestWeightsThatSDKsRoundAreCountedExactly(t *testing.T) {
	s := start(t, t.TempDir())
	a := s.do(http.MethodPut, "/api/v1/config", `{"sample_rate":100,"user_sample_rate":{"ada":30},"company_sample_rate":{},"regex_config":[],"block_bot_traffic":false,"ip_addresses_blocked_by_name":{}}`,
		"Authorization", "Bearer "+adminToken, "Content-Type", "application/json")
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var list []string
	for range 12 {
		list = append(list, strings.TrimSuffix(call(ago(0, time.RFC3339Nano), 200, "ada", "acme"), "}")+`,"weight":3}`)
	}
	s.collect("/v1/events/batch", "["+strings.Join(list, ",")+"]")
	var usage struct{ Total struct{ Calls int64 } }
	eventually(t, "twelve events stand for forty calls", func() bool {
		s.ask("/usage/top?by=user&from=-1h", &usage)
		return usage.Total.Calls == 40
	})
}
