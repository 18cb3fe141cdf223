package push

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

func TestPushIsWhatTheWireAsksFor(t *testing.T) {
	for base, want := range map[string]string{
		"":                                   "https://api.moesif.net/v1/events/batch",
		"http://collector.test":              "http://collector.test/v1/events/batch",
		"http://collector.test/":             "http://collector.test/v1/events/batch",
		"http://collector.test/v1":           "http://collector.test/v1/events/batch",
		"http://localhost:9500/collector/v1": "http://localhost:9500/collector/v1/events/batch",
	} {
		synctest.Test(t, func(t *testing.T) {
			var got *http.Request
			c := &collector{answer: func(_ []int, r *http.Request) (*http.Response, error) {
				got = r
				return status(http.StatusCreated)
			}}
			q := open(t, queue.Options{})
			p, err := New(Options{URL: base, ApplicationID: "the app", UserAgent: "gatemeter/1", Transport: c}, q)
			if err != nil {
				t.Fatal(err)
			}
			put(q, 1, 2)
			if err := finish(t, p, time.Second); err != nil { // it never ran: Close pushes by itself
				t.Fatal(err)
			}
			if got.Method != http.MethodPost || got.URL.String() != want {
				t.Errorf("%s %s, want %s", got.Method, got.URL, want)
			}
			for name, want := range map[string]string{
				"Content-Type":            "application/json",
				"Content-Encoding":        "gzip",
				"X-Moesif-Application-Id": "the app",
				"User-Agent":              "gatemeter/1",
			} {
				if v := got.Header.Get(name); v != want {
					t.Errorf("%s: %q, want %q", name, v, want)
				}
			}
			if got.ContentLength <= 0 {
				t.Errorf("content length %d", got.ContentLength)
			}
			if s := balance(t, q, 2); s.Sent != 2 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestTransportOfItsOwnReachesAServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); n == 0 || err != nil {
			t.Error(n, err)
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	q := open(t, queue.Options{})
	p, err := New(Options{URL: server.URL, ApplicationID: "app"}, q)
	if err != nil {
		t.Fatal(err)
	}
	put(q, span(0, 500)...)
	if err := finish(t, p, time.Minute); err != nil {
		t.Fatal(err)
	}
	if s := balance(t, q, 500); s.Sent != 500 {
		t.Fatalf("%+v", s)
	}
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "push: application_id is missing"},
		{Options{ApplicationID: "a", URL: "collector.test"}, `push: collector_url must be like https://api.moesif.net (got "collector.test")`},
		{Options{ApplicationID: "a", URL: "ftp://collector.test"}, `push: collector_url must be like https://api.moesif.net (got "ftp://collector.test")`},
		{Options{ApplicationID: "a", URL: "ftp://me:secret@collector.test"}, `push: collector_url must be like https://api.moesif.net (got "ftp://me:xxxxx@collector.test")`},
		{Options{ApplicationID: "a", URL: "http://me:secret@%"}, "push: collector_url is not a URL"},
		{Options{ApplicationID: "a", URL: "http://collector.test?a=b"}, `push: collector_url must be like https://api.moesif.net (got "http://collector.test?a=b")`},
	} {
		if _, err := New(c.o, nil); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestOrderIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
			if n++; n%3 == 0 {
				return status(http.StatusServiceUnavailable)
			}
			return status(http.StatusCreated)
		}}
		q, p := start(t, c, Options{Concurrency: 1})
		put(q, span(0, 500)...)
		if err := finish(t, p, time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, taken := c.snapshot(); !slices.Equal(taken, span(0, 500)) {
			t.Fatal(taken)
		}
	})
}

func TestItemsThatAnAcceptingAnswerListsAreRejected(t *testing.T) {
	for body, want := range map[string]map[string]int64{
		`{"rejected":[{"index":0,"reason":"too_old"},{"index":2,"reason":"too_old"},{"index":3,"reason":""}]}`:                {"too_old": 2, "unspecified": 1},
		`{"rejected":[{"index":1,"reason":"a"},{"index":1,"reason":"b"},{"index":4,"reason":"c"},{"index":-1,"reason":"d"}]}`: {"a": 1},
		`{"rejected":[]}`:            {},
		`{"rejected":null,"more":1}`: {},
		`{"rejected":"what"}`:        {},
		`[]`:                         {},
		``:                           {},
		`<html>`:                     {},
		`{"rejected":[{"index":0,"reason":"` + strings.Repeat("é", 40) + `"}]}`: {strings.Repeat("é", 32): 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &collector{answer: func([]int, *http.Request) (*http.Response, error) { return reply(201, body) }}
			q, p := start(t, c, Options{})
			put(q, span(0, 4)...)
			if err := finish(t, p, time.Second); err != nil {
				t.Fatal(err)
			}
			s, rejected := balance(t, q, 4), int64(0)
			for reason, n := range want {
				rejected += n
				if s.Rejected[reason] != n {
					t.Errorf("%s: %q rejected %d times, want %d", body, reason, s.Rejected[reason], n)
				}
			}
			if s.Sent != 4-rejected {
				t.Errorf("%s: %+v", body, s)
			}
		})
	}
}

func TestLostAcknowledgementIsSentAgainAndCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
			if first { // the server has read everything by now
				first = false
				return nil, errBroken
			}
			return status(201)
		}}
		q, p := start(t, c, Options{Concurrency: 1})
		put(q, span(0, 16)...)
		if err := finish(t, p, time.Minute); err != nil {
			t.Fatal(err)
		}
		if s := balance(t, q, 16); s.Sent != 16 || c.copies[0] != 2 || c.copies[15] != 1 {
			t.Fatalf("%+v, seen %v", s, c.copies)
		}
	})
}

func TestDebugLogsEachPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logger{}
		c := &collector{answer: func([]int, *http.Request) (*http.Response, error) { return status(201) }}
		q, p := start(t, c, Options{Logger: log.slog(), Debug: true})
		put(q, span(0, 16)...)
		if err := finish(t, p, time.Minute); err != nil {
			t.Fatal(err)
		}
		if lines := log.all(); len(lines) != 2 || !strings.Contains(lines[0], "moesif: pushed") {
			t.Fatal(lines)
		}
	})
}

func TestRunEndsWithItsContextAndGivesBackWhatItHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: func(_ []int, r *http.Request) (*http.Response, error) { return nil, after(r, time.Hour) }}
		q := open(t, queue.Options{BatchSize: 8})
		p, err := New(Options{ApplicationID: "app", Transport: c}, q)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		put(q, span(0, 40)...)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if s := balance(t, q, 40); s.Queued != 40 {
			t.Fatalf("%+v", s)
		}
		if err := finish(t, p, time.Second); err == nil || err.Error() != "push: 40 events not delivered: the pusher was stopped" {
			t.Fatal(err)
		}
		n := 0
		for b := q.TryTake(); b != nil; b = q.TryTake() {
			n += b.Events()
		}
		if n != 40 {
			t.Fatalf("%d events are in the queue", n)
		}
	})
}
