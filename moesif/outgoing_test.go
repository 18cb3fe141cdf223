package moesif

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOutgoingCallsAreReportedWithTheirCaller(t *testing.T) {
	third := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != `{"card":"4242","n":1}` || r.Header.Get("Authorization") != "Bearer ours" {
			t.Errorf("got %s %v %v", body, r.Header, err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(202)
		_, _ = io.WriteString(w, `{"iban":"DE1"}`)
	}))
	defer third.Close()
	g := start(t, `"request_body_masks":["card"],"response_body_masks":["iban"]`)
	client := &http.Client{Transport: g.Transport(nil)}
	defer client.CloseIdleConnections()
	call(g, func(_ http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), "POST", third.URL+"/pay?token=x", strings.NewReader(`{"card":"4242","n":1}`))
		if err != nil {
			t.Fatal(err)
		}
		out.Header.Set("Authorization", "Bearer ours")
		resp, err := client.Do(out)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != `{"iban":"DE1"}` || resp.StatusCode != 202 {
			t.Errorf("got %d %s %v", resp.StatusCode, body, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}, "GET", "/order", "X-User", "alice")

	events := g.drain(t)
	if len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	if e.Direction != "Outgoing" || events[1].Direction != "Incoming" || e.UserID != "alice" || e.Response.Status != 202 || e.Request.Verb != "POST" ||
		e.Request.URI != third.URL+"/pay?token=*****" || header(e.Request.Headers, "Authorization") != "*****" ||
		string(e.Request.Body) != `{"card":"*****","n":1}` || string(e.Response.Body) != `{"iban":"*****"}` || e.Request.IPAddress != "" {
		t.Errorf("got %+v", e)
	}
}

// door is a transport as a function.
type door func(*http.Request) (*http.Response, error)

func (d door) RoundTrip(r *http.Request) (*http.Response, error) { return d(r) }

func outgoing(t *testing.T, g *rig, next door, method, url, body string) (*http.Response, error) {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	return g.Transport(next).RoundTrip(r)
}

func TestACallThatFailsIsReportedWithoutAnAnswer(t *testing.T) {
	g := start(t, "")
	broken := errors.New("refused")
	resp, err := outgoing(t, g, func(*http.Request) (*http.Response, error) { return nil, broken }, "GET", "https://user:secret@api.example.com/x", "")
	if resp != nil || !errors.Is(err, broken) {
		t.Errorf("got %v %v", resp, err)
	}
	e := g.one(t)
	if e.Response != nil || e.Request.URI != "https://user:*****@api.example.com/x" && e.Request.URI != "https://user:xxxxx@api.example.com/x" {
		t.Errorf("got %+v", e)
	}
}

func TestAnAnswerThatIsNotReadIsReportedWhenClosed(t *testing.T) {
	g := start(t, "", func(o *Options) {
		o.Hooks.Identify = func(*http.Request) Caller { return Caller{UserID: "batch-job"} }
	})
	resp, err := outgoing(t, g, func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"A": {"b"}}, Body: io.NopCloser(strings.NewReader("unread")), ContentLength: 6, Request: r}, nil
	}, "GET", "http://a/", "")
	if err != nil {
		t.Fatal(err)
	}
	if g.Stats().Captured != 0 {
		t.Error("reported before the end")
	}
	_ = resp.Body.Close()
	_ = resp.Body.Close()
	if e := g.one(t); e.UserID != "batch-job" || e.Response.Body != nil {
		t.Errorf("got %+v", e)
	}
}

func TestABodyThatIsSentAgainIsKeptOnce(t *testing.T) {
	g := start(t, "")
	resp, err := outgoing(t, g, func(r *http.Request) (*http.Response, error) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		again, err := r.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(again); err != nil {
			t.Error(err)
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}, "POST", "http://a/", `{"once":1}`)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if e := g.one(t); string(e.Request.Body) != `{"once":1}` {
		t.Errorf("got %s", e.Request.Body)
	}
}

func TestAnUpgradeKeepsItsConnection(t *testing.T) {
	g := start(t, "")
	conn := struct {
		io.ReadCloser
		io.Writer
	}{http.NoBody, io.Discard}
	resp, err := outgoing(t, g, func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 101, Header: http.Header{}, Body: conn, Request: r}, nil
	}, "GET", "http://a/", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := resp.Body.(io.Writer); !ok {
		t.Error("the connection cannot be written to any more")
	}
	_ = resp.Body.Close()
	if e := g.one(t); e.Response.Status != 101 {
		t.Errorf("got %+v", e.Response)
	}
}
