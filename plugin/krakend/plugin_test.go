package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestWhatTheHostAnswersIsReported(t *testing.T) {
	c := newCollector(t)
	h := start(t, c, `"response_body_masks": ["card"], "metadata": {"env": "test"}, "batch_size": 3`)
	if status, header, body := h.get(t, "/orders/7?a=1", "X-User", "alice"); status != 200 || header.Get("X-Krakend") == "" || body != `{"id":"7","card":"4242"}` {
		t.Errorf("the answer was touched: %d %v %s", status, header, body)
	}
	if status, _, body := h.get(t, "/__health"); status != 200 || body != `{"status":"ok"}` {
		t.Errorf("health: %d %s", status, body)
	}
	h.get(t, "/nowhere", "Authorization", "Basic Ym9iOng=")
	h.get(t, "/private", "X-User", "mallory") // completes the batch
	order, nowhere, private := c.await(t, "/orders/7?a=1"), c.await(t, "/nowhere"), c.await(t, "/private")

	if order.UserID != "alice" || order.Response.Status != 200 || string(order.Response.Body) != `{"id":"7","card":"*****"}` ||
		!strings.Contains(string(order.Metadata), `"krakend":{"env":"test"}`) {
		t.Errorf("reported: %+v %+v %s", order, order.Response, order.Metadata)
	}
	if nowhere.UserID != "bob" || nowhere.Response.Status != 404 {
		t.Errorf("reported: %+v %+v", nowhere, nowhere.Response)
	}
	if g, _ := private.Gatemeter(); private.UserID != "" || g.Refused != "unauthenticated" {
		t.Errorf("a refused caller was believed: %+v %+v", private, g)
	}
	if g, _ := nowhere.Gatemeter(); g.Refused != "" {
		t.Errorf("refused: %+v", g)
	}
	h.stop(t)
	if n := len(c.stored(t)); n != 3 {
		t.Errorf("%d events of 3 requests and a health check", n)
	}
}

func TestARuleBlocksInFrontOfTheHost(t *testing.T) {
	c := newCollector(t, wire.Rule{
		ID: "r1", Name: "no orders", Type: "regex", Block: true,
		RegexConfig: []wire.RegexGroup{{Conditions: []wire.Condition{{Path: "request.route", Value: "^/orders/9"}}}},
		Response:    wire.RuleResponse{Status: 402, Headers: map[string]string{"X-Reason": "unpaid"}, Body: []byte(`{"error":"pay"}`)},
	})
	h := start(t, c, "")
	timeout := time.After(20 * time.Second)
	select {
	case <-c.served:
	case <-timeout:
		t.Fatal("no rules were fetched")
	}
	n, status, header, body := 0, 0, http.Header(nil), ""
	for ; status != 402; n++ { // until they are in force
		select {
		case <-timeout:
			t.Fatal("no rule is enforced")
		default:
		}
		status, header, body = h.get(t, fmt.Sprintf("/orders/9?n=%d", n))
	}
	if body != `{"error":"pay"}` || header.Get("X-Reason") != "unpaid" || header.Get("X-Krakend") != "" {
		t.Errorf("blocked with %v %s", header, body)
	}
	if status, _, _ := h.get(t, "/orders/8"); status != 200 {
		t.Errorf("another request got %d", status)
	}
	h.stop(t)
	e := c.await(t, fmt.Sprintf("/orders/9?n=%d", n-1))
	if g, _ := e.Gatemeter(); e.BlockedBy != "r1" || g.Refused != "blocked" || e.Response.Status != 402 {
		t.Errorf("reported: %+v %+v", e, g)
	}
	if e := c.await(t, "/orders/8"); e.BlockedBy != "" {
		t.Errorf("reported: %+v", e)
	}
}

func TestStreamsGoThroughAsTheyAreWritten(t *testing.T) {
	c := newCollector(t)
	h := start(t, c, "")
	body, input := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, h.url+"/stream", body)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan *http.Response, 1)
	go func() {
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
		}
		answered <- resp
	}()
	_, _ = io.WriteString(input, "data: one\n")
	resp := <-answered // with the request still open
	if resp == nil {
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for _, want := range []string{"data: one\n", "data: two\n"} {
		if want != "data: one\n" {
			_, _ = io.WriteString(input, want)
		}
		if got, err := lines.ReadString('\n'); got != want || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	}
	_ = input.Close()
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("read %q, %v at the end", rest, err)
	}
	h.stop(t)
	if e := c.await(t, "/stream"); e.Response.Status != 200 || e.Response.ContentLength != 20 {
		t.Errorf("reported: %+v", e.Response)
	}
}

func TestConnectionsAreUpgraded(t *testing.T) {
	c := newCollector(t)
	h := start(t, c, `"batch_size": 1`)
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-User: alice\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	e := c.await(t, "/socket") // while the connection is open
	if e.Response.Status != 101 || e.UserID != "alice" {
		t.Errorf("reported: %+v %+v", e, e.Response)
	}
	_, _ = io.WriteString(conn, "hello\n")
	if got, err := r.ReadString('\n'); got != "hello\n" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	c := newCollector(t)
	h := start(t, c, "")
	if resp, err := client.Get(h.url + "/broken"); err == nil {
		resp.Body.Close()
		t.Errorf("answered %s", resp.Status)
	}
	if status, _, _ := h.get(t, "/orders/1"); status != 200 {
		t.Errorf("the next request got %d", status)
	}
	h.stop(t)
	if e := c.await(t, "/broken"); e.Response != nil {
		t.Errorf("reported: %+v", e.Response)
	}
}

func TestAShutdownDelivers(t *testing.T) {
	const calls = 50
	c := newCollector(t)
	h := start(t, c, "")
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			resp, err := client.Get(fmt.Sprintf("%s/orders/%d", h.url, i))
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	body, input := io.Pipe() // of a request that is open when the host is told to end
	uploaded := make(chan string, 1)
	go func() {
		resp, err := client.Post(h.url+"/upload", "text/plain", body)
		if err != nil {
			uploaded <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		uploaded <- string(text)
	}()
	_, _ = io.WriteString(input, "half ")
	all.Wait()

	h.terminate(t)
	h.await(t, "stopping")
	_, _ = io.WriteString(input, "and half")
	_ = input.Close()
	if got := <-uploaded; got != `{"bytes":13}` {
		t.Errorf("the open request got %s", got)
	}
	h.ended(t)
	if n := len(c.stored(t)); n != calls+1 {
		t.Errorf("%d of %d events arrived", n, calls+1)
	}
	h.await(t, "INFO [PLUGIN: gatemeter] stopped, everything is delivered")
}

func TestAShutdownWaitsNoLongerThanDrainTimeout(t *testing.T) {
	c := newCollector(t)
	h := start(t, c, `"collector_url": "http://127.0.0.1:1"`, "GATEMETER_DRAIN_TIMEOUT=200ms") // where nobody listens
	h.get(t, "/orders/1")
	h.stop(t)
	h.await(t, "ERROR [PLUGIN: gatemeter] events were left undelivered")
}

func TestTheHostGoesOnWithoutAPluginThatCannotStart(t *testing.T) {
	c := newCollector(t)
	h := start(t, c, `"batch_size": 0, "should_skip": "true"`)
	h.await(t, "ERROR [PLUGIN: gatemeter] plugin/http-server.gatemeter.batch_size: must be a whole number of at least 1 (got 0)")
	h.await(t, "ERROR [PLUGIN: gatemeter] plugin/http-server.gatemeter.should_skip: the plugin has no expression language")
	h.await(t, "ERROR [PLUGIN: gatemeter] not started: requests are neither reported nor governed")
	if out := h.output(); strings.Contains(out, "Injecting plugin") || !strings.Contains(out, "Error getting the plugin handler: gatemeter: not started: plugin/") {
		t.Error("the host took it")
	}
	if status, _, _ := h.get(t, "/orders/1"); status != 200 {
		t.Errorf("the host answers %d", status)
	}
	h.stop(t)
	if n := len(c.stored(t)); n != 0 {
		t.Errorf("%d events", n)
	}
}
