package test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakCall is one kind of call, and what may come of it.
type soakCall struct {
	name     string // method and target
	headers  []string
	body     func() io.Reader // nil: none
	statuses []int            // those that may be answered
	says     string           // a part of the body of a 200
	broken   bool             // the answer may end too soon, or not begin
	apart    bool             // it is not captured
}

func text(s string) func() io.Reader {
	return func() io.Reader { return strings.NewReader(s) }
}

// soakUsers are few, so that limits and quotas are reached between two reloads.
const soakUsers = 10

// soakCalls are the calls of testdata/soak.json, one after the other. $USER is one of
// soakUsers.
func soakCalls(token string) []soakCall {
	large := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	upload := func() io.Reader { return bytes.NewReader(large) }
	chunked := func() io.Reader { return struct{ io.Reader }{bytes.NewReader(large)} }
	calls := []soakCall{
		{name: "GET /noop/7?a=b", says: soakObject},
		{name: "POST /upload", body: upload, says: `{"bytes":320000}`},
		{name: "POST /upload", body: chunked, says: `{"bytes":320000}`},
		{name: "POST /upload/json", body: text(`{"password":"secret"}`), says: `{"bytes":21}`},
		{name: "GET /stream", says: "event 19\n"},
		{name: "GET /json", says: `"name":"a chair"`},
		{name: "GET /json", headers: []string{"Origin: https://shop.example"}, says: `"id":7`},
		{name: "OPTIONS /json", headers: []string{"Origin: https://shop.example", "Access-Control-Request-Method: GET"}, statuses: []int{204}, apart: true},
		{name: "GET /json", headers: []string{"User-Agent: a-bot"}, statuses: []int{403}},
		{name: "GET /big", says: "no play"},
		{name: "GET /shaped", says: `"title":"a chair"`},
		{name: "GET /list", says: `[{`},
		{name: "GET /xml", headers: []string{"Accept: application/xml"}, says: "<"},
		{name: "GET /xml", headers: []string{"Accept: application/yaml"}, says: "item: a chair"},
		{name: "GET /text", says: "a chair"},
		{name: "GET /merge", says: `"b":{"collection":[`},
		{name: "GET /partial", says: `"id":7`},
		{name: "GET /sequence", says: `"echo":"7"`},
		{name: "GET /static", says: `{"instead":true}`},
		{name: "GET /shadow", says: `"id":7`},
		{name: "GET /race", says: `"id":7`},
		{name: "GET /jwt", headers: []string{"Authorization: Bearer " + token}, says: `"id":7`},
		{name: "GET /jwt", statuses: []int{401}},
		{name: "GET /jwt", headers: []string{"Authorization: Bearer " + token[:len(token)-8] + "AAAAAAAA"}, statuses: []int{401}},
		{name: "GET /key", headers: []string{"X-Api-Key: 4d2c61e1"}, says: `"id":7`},
		{name: "GET /key", headers: []string{"X-Api-Key: another"}, statuses: []int{401}},
		{name: "GET /rate", headers: []string{"X-User: $USER"}, statuses: []int{200, 429, 503}, says: `"id":7`},
		{name: "GET /rate/backend", statuses: []int{200, 500}, says: `"id":7`},
		{name: "GET /quota", headers: []string{"X-User: $USER", "X-Plan: any"}, statuses: []int{200, 429}, says: `"id":7`},
		{name: "GET /breaker", statuses: []int{500}},
		{name: "GET /cel/2", says: `"id":7`},
		{name: "GET /cel/3", statuses: []int{500}},
		{name: "POST /schema", body: text(`{"email":"ann@shop.example","password":"secret"}`), says: `"id":7`},
		{name: "POST /schema", body: text(`{}`), statuses: []int{400}},
		{name: "GET /martian", says: soakObject},
		{name: "GET /lua", headers: []string{"X-Tenant: acme"}, says: `"id":7`},
		{name: "GET /lua", statuses: []int{428}},
		{name: "GET /cached", says: `"id":7`},
		{name: "GET /hero/7", says: `"name":"Ann"`},
		{name: "GET /code", statuses: []int{418}},
		{name: "GET /details", says: `"http_status_code":418`},
		{name: "GET /never", statuses: []int{500}},
		{name: "GET /never/noop", statuses: []int{500}},
		{name: "GET /nobody", statuses: []int{500}},
		{name: "GET /blocked", statuses: []int{451}},
		{name: "GET /none", statuses: []int{404}},
		{name: "PUT /json", statuses: []int{405}},
		{name: "GET /json/", statuses: []int{301}},
	}
	for _, how := range []string{"reset", "short", "chunk", "garbage", "headers"} {
		begins := how == "short" || how == "chunk" // with a head that can be passed on
		calls = append(calls, soakCall{name: "GET /broken/" + how, statuses: []int{500}})
		if begins {
			calls = append(calls, soakCall{name: "GET /broken/" + how + "/noop", broken: true})
			continue
		}
		calls = append(calls, soakCall{name: "GET /broken/" + how + "/noop", statuses: []int{500}})
	}
	for i := range calls {
		if calls[i].statuses == nil {
			calls[i].statuses = []int{http.StatusOK}
		}
	}
	return calls
}

// soaker makes calls, and counts what comes of them.
type soaker struct {
	address string
	calls   []soakCall
	client  *http.Client
	anew    *http.Client // on a connection of its own, where http.Transport asks once

	answered, canceled, sockets atomic.Int64 // of those that are captured

	mu       sync.Mutex
	counts   map[string]map[int]int // by name and status; guarded by mu
	failures []string               // the first ones; guarded by mu
}

func newSoaker(address, token string) *soaker {
	client := func(keeps bool) *http.Client {
		return &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true, DisableKeepAlives: !keeps},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       time.Minute,
		}
	}
	return &soaker{
		address: address, calls: soakCalls(token), counts: map[string]map[int]int{},
		client: client(true), anew: client(false),
	}
}

func (s *soaker) failed(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failures) < 50 {
		s.failures = append(s.failures, fmt.Sprintf(format, args...))
	}
}

// once makes every call once.
func (s *soaker) once(t *testing.T, r *rand.Rand) {
	for i := range s.calls {
		s.call(t.Context(), &s.calls[i], r)
	}
	s.socket(t.Context())
}

// until makes any calls, now and then one that is not waited for, until ctx ends.
func (s *soaker) until(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		switch n := r.IntN(50); {
		case n == 0:
			s.socket(context.WithoutCancel(ctx))
		case n < 3:
			soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(r.IntN(5000))*time.Microsecond)
			s.call(soon, &s.calls[r.IntN(len(s.calls))], r)
			cancel()
		default:
			s.call(context.WithoutCancel(ctx), &s.calls[r.IntN(len(s.calls))], r)
		}
	}
}

func (s *soaker) call(ctx context.Context, c *soakCall, r *rand.Rand) {
	method, target, _ := strings.Cut(c.name, " ")
	var body io.Reader
	if c.body != nil {
		body = c.body()
	}
	req, err := http.NewRequestWithContext(ctx, method, s.address+target, body)
	if err != nil {
		s.failed("%s: %v", c.name, err)
		return
	}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "$USER" {
			value = fmt.Sprintf("user-%d", r.IntN(soakUsers))
		}
		req.Header.Set(name, value)
	}
	client := s.client
	if c.broken {
		client = s.anew
	}
	resp, err := client.Do(req)
	var answer []byte
	if err == nil {
		answer, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	_, leaves := ctx.Deadline()
	switch {
	case ctx.Err() != nil, leaves && errors.Is(err, context.DeadlineExceeded): // a dialer's clock may be ahead of ctx's
		s.canceled.Add(1)
		return
	case !c.apart:
		s.answered.Add(1)
	}
	if c.broken { // an answer that looks complete would be wrong
		if err == nil {
			s.failed("%s: answered %d with %.100q as if it were whole", c.name, resp.StatusCode, answer)
		}
		s.count(c.name, 0)
		return
	}
	if err != nil {
		s.failed("%s: %v", c.name, err)
		return
	}
	if !slices.Contains(c.statuses, resp.StatusCode) || resp.StatusCode == http.StatusOK && !bytes.Contains(answer, []byte(c.says)) {
		s.failed("%s: answered %d with %.200q", c.name, resp.StatusCode, answer)
	}
	s.count(c.name, resp.StatusCode)
}

// count counts an answer; 0 stands for one that broke off.
func (s *soaker) count(name string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[name] == nil {
		s.counts[name] = map[int]int{}
	}
	s.counts[name][status]++
}

// socket opens a websocket, says something, and hears it again.
func (s *soaker) socket(ctx context.Context) {
	s.sockets.Add(1)
	if err := s.hear(ctx); err != nil {
		s.failed("websocket: %v", err)
	}
}

func (s *soaker) hear(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.address, "http://"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"); err != nil {
		return err
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	const said = "is there anybody?"
	if _, err := io.WriteString(conn, said); err != nil {
		return err
	}
	heard := make([]byte, len(said))
	if _, err := io.ReadFull(reader, heard); err != nil {
		return err
	}
	if string(heard) != said {
		return errors.New("heard " + string(heard))
	}
	return nil
}
