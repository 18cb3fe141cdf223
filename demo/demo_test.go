package demo

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/examples"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func example(t *testing.T) *config.Service {
	t.Helper()
	s, err := config.Parse("examples/krakend.json", examples.KrakenD, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Warnings) > 0 {
		t.Errorf("the example has warnings: %v", s.Warnings)
	}
	return s
}

func TestFortyCustomersInTwelveCompaniesOfEveryHabit(t *testing.T) {
	people, firms, habits := map[string]bool{}, map[string]bool{}, map[Habit]bool{}
	for _, c := range Customers() {
		people[c.ID], firms[c.Company.ID], habits[c.Habit] = true, true, true
	}
	if len(people) != 40 || len(firms) != 12 || len(habits) != 5 {
		t.Errorf("%d customers in %d companies with %d habits", len(people), len(firms), len(habits))
	}
}

func TestEveryMadeUpRouteIsInTheExample(t *testing.T) {
	known := map[string]bool{}
	for _, e := range example(t).Endpoints {
		known[e.Method+" "+e.Path] = true
	}
	if len(known) < 10 {
		t.Errorf("the example has %d endpoints", len(known))
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, k := range append(usual, broken...) {
		if k.route == "" {
			continue
		}
		if !known[k.method+" "+k.route] {
			t.Errorf("%s %s is not in the example", k.method, k.route)
		}
		path, _, _ := strings.Cut(k.target(Customers()[0], r), "?")
		pattern := regexp.MustCompile(`\{[^/]+\}`).ReplaceAllString(k.route, `[^/]+`)
		if !regexp.MustCompile("^" + pattern + "$").MatchString(path) {
			t.Errorf("%s does not fit %s", path, k.route)
		}
	}
}

func TestHabitsShowInTheRate(t *testing.T) {
	for _, c := range Customers() {
		week, now := c.rate(noon.Add(-past), noon), c.rate(noon, noon)
		switch c.Habit {
		case Stopped:
			if now != 0 || week == 0 {
				t.Errorf("%s, who stopped: %.1f calls a minute a week ago, %.1f now", c.ID, week, now)
			}
		case Growing:
			if now < 3*week {
				t.Errorf("%s, who grows: %.1f calls a minute a week ago, %.1f now", c.ID, week, now)
			}
		case Steady:
			if now != week {
				t.Errorf("%s, who is steady: %.1f calls a minute a week ago, %.1f now", c.ID, week, now)
			}
		}
	}
}

// collector takes what the demo sends.
type collector struct {
	mutex  sync.Mutex
	events []wire.Event // guarded by mutex
	status int
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/events/batch" {
		var batch []wire.Event
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.events = append(c.events, batch...)
	}
	w.WriteHeader(c.status)
	_, _ = io.WriteString(w, "because")
}

func TestHistoryReadsAsTheLastSevenDays(t *testing.T) {
	events := History(noon)
	if len(events) < 10_000 {
		t.Fatalf("%d events are no history", len(events))
	}
	ids := map[string]bool{}
	for _, e := range events {
		ids[e.TransactionID] = true
		if e.Request.Time.Before(noon.Add(-past)) || !e.Request.Time.Before(noon) {
			t.Fatalf("an event of %s", e.Request.Time)
		}
		if e.CompanyID == "kestrel" && e.Request.Time.After(noon.Add(-24*time.Hour)) {
			t.Fatal("who stopped goes on calling")
		}
	}
	if len(ids) != len(events) {
		t.Errorf("%d ids for %d events", len(ids), len(events))
	}
}

func TestEventsAreSentInBatchesAndARefusalIsTold(t *testing.T) {
	c := &collector{status: http.StatusCreated}
	server := httptest.NewServer(c)
	defer server.Close()
	to := Collector{URL: server.URL, ApplicationID: "app", Client: server.Client()}
	events := History(noon)[:1200]
	if err := to.Send(t.Context(), events); err != nil || len(c.events) != len(events) {
		t.Fatalf("%d of %d events arrived: %v", len(c.events), len(events), err)
	}
	c.status = http.StatusTeapot
	if err := to.Send(t.Context(), events); err == nil || !strings.Contains(err.Error(), "418") || !strings.Contains(err.Error(), "because") {
		t.Errorf("a collector that refuses gives %v", err)
	}
}

func TestTrafficCallsUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var mutex sync.Mutex
	seen := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		seen[r.Header.Get("Authorization")+r.Header.Get("X-User-Id")] = true
		if r.URL.Query().Get("company") == "" {
			t.Errorf("%s names no company", r.URL)
		}
		if len(seen) >= 5 {
			stop()
		}
	}))
	defer server.Close()
	traffic := &Traffic{Gateway: server.URL, Client: server.Client(), Start: time.Now()}
	traffic.Run(ctx)
	made, unanswered := traffic.Calls()
	if made < 5 || unanswered != 0 {
		t.Errorf("%d calls, %d unanswered", made, unanswered)
	}
}
