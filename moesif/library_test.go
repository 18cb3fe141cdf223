package moesif

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAServiceReportsToACollector(t *testing.T) {
	c := newCollector()
	c.answer = func(batch int) int { // the first push fails once
		if batch == 0 {
			return http.StatusServiceUnavailable
		}
		return http.StatusCreated
	}
	far := httptest.NewServer(c)
	defer far.Close()
	g := start(t, fmt.Sprintf(`"collector_url": %q, "identify_company": {"jwt_claim": "org.id"}, "user_id_jwt_claim": "user.id",
		"batch_size": 4, "request_body_masks": ["password"], "response_body_masks": ["card.number"], "response_header_masks": ["x-internal"]`, far.URL),
		func(o *Options) { o.Transport = nil; o.Version = "1.2.3" })

	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Internal", "s3cret")
		w.WriteHeader(201)
		fmt.Fprintf(w, `{"got":%s,"card":{"number":"4242"},"list":[{"card":{"number":"1"}}]}`, body)
	})
	s := httptest.NewServer(g.Wrap(mux))
	g.servers = append(g.servers, s)

	users := map[string][]string{ // user and company → headers
		"alice/":      {"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:secret"))},
		"u-1/acme":    {"Authorization", bearer(`{"user":{"id":"u-1"},"org":{"id":"acme"}}`)},
		"u-2/literal": {"Authorization", bearer(`{"user.id":"u-2","user":{"id":"no"},"org.id":"literal","org":{"id":"no"}}`)},
		"u-3/acme":    {"X-User", "u-3", "Authorization", bearer(`{"org":{"id":"acme"}}`)},
		"/":           nil,
	}
	for _, headers := range users {
		req, err := http.NewRequest("POST", s.URL+"/orders/7", strings.NewReader(`{"Password":{"deep":["hunter2"]},"n":1}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := readAll(t, resp)
		if resp.StatusCode != 201 || !strings.Contains(body, "hunter2") || resp.Header.Get("X-Internal") != "s3cret" {
			t.Errorf("the client's answer was touched: %d %s", resp.StatusCode, body)
		}
	}
	c.await(t, 4) // a full batch, at once
	g.drain(t)    // and the rest at the end
	events := c.stored()
	if len(events) != len(users) {
		t.Fatalf("%d events for %d requests", len(events), len(users))
	}

	ids := map[string]bool{}
	for _, e := range events {
		ids[e.TransactionID] = true
		who := e.UserID + "/" + e.CompanyID
		if _, ok := users[who]; !ok {
			t.Errorf("reported as %s", who)
		}
		delete(users, who)
		if got := gatemeter(t, e).Route; got != "/orders/{id}" {
			t.Errorf("route %q", got)
		}
		if string(e.Request.Body) != `{"Password":"*****","n":1}` {
			t.Errorf("request body %s", e.Request.Body)
		}
		if string(e.Response.Body) != `{"got":{"Password":{"deep":["hunter2"]},"n":1},"card":{"number":"*****"},"list":[{"card":{"number":"1"}}]}` {
			t.Errorf("response body %s", e.Response.Body)
		}
		if header(e.Response.Headers, "X-Internal") != "*****" || strings.Contains(header(e.Request.Headers, "Authorization"), " ") {
			t.Errorf("headers %v %v", e.Request.Headers, e.Response.Headers)
		}
		if !strings.HasPrefix(e.Request.URI, s.URL+"/orders/7") || e.Request.IPAddress != "127.0.0.1" {
			t.Errorf("request %+v", e.Request)
		}
	}
	if len(ids) != len(events) {
		t.Errorf("%d ids for %d events", len(ids), len(events))
	}
	for _, push := range c.pushes {
		if push.Get("X-Moesif-Application-Id") != "app" || push.Get("Content-Encoding") != "gzip" || push.Get("User-Agent") != "gatemeter/1.2.3" {
			t.Errorf("pushed with %v", push)
		}
	}
	if s := g.Stats(); s.Captured != 5 || s.Sent != 5 || s.Queued != 0 || s.QueuedBytes != 0 {
		t.Errorf("books %+v", s)
	}
}

func TestTheTimerRunsFromTheOldestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, `"timer_wake_up_seconds": 2`)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for range 4 { // steady traffic does not put it off
			call(g, http.NotFound, "GET", "/")
			<-tick.C
		}
		synctest.Wait()
		if n := len(g.collector.stored()); n != 4 {
			t.Errorf("%d of 4 events were pushed after 2 seconds", n)
		}
		g.drain(t)
	})
}

func TestEventsOfABadTimeArriveOnce(t *testing.T) {
	for _, status := range []int{500, 502, 503, 429, 408, 401, 403} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := start(t, `"batch_size": 2`)
				g.collector.answer = func(batch int) int {
					if batch < 3 {
						return status
					}
					return http.StatusCreated
				}
				for i := range 6 {
					call(g, http.NotFound, "GET", fmt.Sprintf("/%d", i))
				}
				<-time.After(10 * time.Minute)
				synctest.Wait()
				var paths []string
				for _, e := range g.collector.stored() {
					paths = append(paths, strings.TrimPrefix(e.Request.URI, "http://example.com"))
				}
				slices.Sort(paths)
				if want := []string{"/0", "/1", "/2", "/3", "/4", "/5"}; !slices.Equal(paths, want) {
					t.Errorf("arrived: %v", paths)
				}
				g.drain(t)
			})
		})
	}
}

func TestFlushPushesWhatIsThere(t *testing.T) {
	g := start(t, "")
	call(g, http.NotFound, "GET", "/")
	g.Flush()
	g.collector.await(t, 1)
}

// hung never answers.
type hung struct{}

func (hung) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAFullQueueDropsCountsAndAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		g := start(t, `"event_queue_size": 10, "batch_size": 5`, func(o *Options) {
			o.Transport = hung{}
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		began := time.Now()
		for range 100 {
			if w := call(g, http.NotFound, "GET", "/"); w.Code != 404 {
				t.Errorf("answered %d", w.Code)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the clients waited %s", took)
		}
		s := g.Stats()
		if s.Captured != 100 || s.Queued != 10 || s.Dropped["full_events"] != 90 {
			t.Errorf("books %+v", s)
		}
		balance(t, s)
		<-time.After(time.Minute)
		synctest.Wait()
		told := 0
		for _, m := range regexp.MustCompile(`full_events=(\d+)`).FindAllStringSubmatch(log.String(), -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			told += n
		}
		if told != 90 {
			t.Errorf("the log tells of %d losses:\n%s", told, log.String())
		}

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := g.Close(ctx)
		g.closed = true
		if err == nil || !strings.Contains(err.Error(), "10 events") || !errors.Is(g.Close(context.Background()), err) {
			t.Errorf("close said %v", err)
		}
		if s := g.Stats(); s.Queued != 10 {
			t.Errorf("books %+v", s)
		}
	})
}

func TestBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, `"event_queue_bytes": 200000, "batch_size": 1000`, func(o *Options) { o.Transport = hung{} })
		body := make([]byte, 50_000) // that no compression makes smaller
		_, _ = rand.NewChaCha8([32]byte{}).Read(body)
		for range 10 {
			call(g, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }, "GET", "/")
			if s := g.Stats(); s.QueuedBytes > 200_000 {
				t.Errorf("holds %d bytes", s.QueuedBytes)
			}
		}
		s := g.Stats()
		if s.Dropped["full_bytes"] == 0 {
			t.Errorf("books %+v", s)
		}
		balance(t, s)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		g.closed = true
		if err := g.Close(ctx); err == nil {
			t.Error("close did not say that events are left")
		}
	})
}

func TestAfterCloseAnswersGoOn(t *testing.T) {
	g := start(t, "")
	g.drain(t)
	if w := call(g, http.NotFound, "GET", "/"); w.Code != 404 {
		t.Errorf("answered %d", w.Code)
	}
	s := g.Stats()
	if s.Captured != 1 || s.Dropped["closed"] != 1 {
		t.Errorf("books %+v", s)
	}
	balance(t, s)
}

func TestTheBooksBalanceUnderLoad(t *testing.T) {
	const workers, each = 8, 250
	c := newCollector()
	far := httptest.NewServer(c)
	defer far.Close()
	g := start(t, fmt.Sprintf(`"collector_url": %q, "batch_size": 50, "event_queue_size": 500, "should_skip": "x"`, far.URL), func(o *Options) {
		o.Transport = nil
		o.Compile = func(string) (Predicate, error) {
			return func(s *Subject) (bool, error) { return s.Status == 404, nil }, nil
		}
	})
	s := g.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "3") {
			http.NotFound(w, r)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range each {
				resp, err := s.Client().Post(fmt.Sprintf("%s/%d", s.URL, i), "application/json", strings.NewReader(`{"a":1}`))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				balance(t, g.Stats())
			}
		})
	}
	all.Wait()
	g.drain(t)
	stats := g.Stats()
	if stats.Captured != workers*each || stats.Queued != 0 || int(stats.Sent) != len(c.stored()) || stats.Skipped == 0 {
		t.Errorf("books %+v, stored %d", stats, len(c.stored()))
	}
	ids := map[string]bool{}
	for _, e := range c.stored() {
		ids[e.TransactionID] = true
	}
	if len(ids) != len(c.stored()) {
		t.Errorf("%d ids for %d events", len(ids), len(c.stored()))
	}
}

func TestWhatCannotWorkIsRefusedAtTheStart(t *testing.T) {
	good := defaults()
	good.ApplicationID = "app"
	tests := []struct {
		name   string
		change func(*Config, *Options)
		want   string
	}{
		{"no application", func(c *Config, _ *Options) { c.ApplicationID = "" },
			"telemetry/moesif.application_id: missing: set it, or the variable GATEMETER_APPLICATION_ID"},
		{"should_skip without a compiler", func(c *Config, _ *Options) { c.ShouldSkip = "true" },
			"telemetry/moesif.should_skip: not available in this build: remove it"},
		{"should_skip that does not compile", func(c *Config, o *Options) {
			c.ShouldSkip = "1"
			o.Compile = func(string) (Predicate, error) { return nil, errors.New("must be boolean") }
		}, "telemetry/moesif.should_skip: must be boolean"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, o := good, Options{}
			tt.change(&cfg, &o)
			if _, err := New(cfg, o); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	cfg := good
	cfg.CollectorURL = "ftp://x"
	if _, err := New(cfg, Options{}); err == nil || !strings.Contains(err.Error(), "collector_url") {
		t.Errorf("got %v", err)
	}
}

// lockedBuffer is a bytes.Buffer for a logger.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
