//go:build linux

package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMessagesAreToldApartHoweverTheyArrive(t *testing.T) {
	const text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 403 Forbidden\r\nContent-Length:0\r\nX: y\r\n\r\n"
	for step := 1; step <= len(text); step++ {
		m := message{buffer: make([]byte, 256)}
		var statuses []int
		for piece := range slices.Chunk([]byte(text), step) {
			m.grow(copy(m.room(), piece))
			for {
				whole, err := m.whole()
				if err != nil {
					t.Fatal(err)
				}
				if !whole {
					break
				}
				statuses = append(statuses, m.status())
				m.next()
			}
		}
		if !slices.Equal(statuses, []int{200, 403}) || m.have != 0 {
			t.Fatalf("in pieces of %d: statuses %v, %d bytes left", step, statuses, m.have)
		}
	}
}

func TestAMessageLongerThanTheBufferIsAnError(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 64)} {
		m := message{buffer: make([]byte, 64)}
		m.grow(copy(m.room(), text))
		if whole, err := m.whole(); whole || err == nil {
			t.Errorf("%q: whole %v, error %v", text, whole, err)
		}
	}
}

// answering runs an upstream until the test ends.
func answering(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveAnswers(l, usualItems) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func someLoad(address string, posts int) *load {
	invent := newExchanges(1, usualItems)
	return &load{address: address, connections: 8, status: http.StatusOK,
		request: func(dst []byte) []byte { return invent.request(dst, openPath, "", posts) }}
}

func TestALoadWithARateSendsWhatIsDue(t *testing.T) {
	l := someLoad(answering(t), 50)
	l.rate, l.length = 2000, 300*time.Millisecond
	out, err := l.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if out.requests != 600 || len(out.latencies) != 600 || len(out.late) != 600 {
		t.Fatalf("%d requests, %d latencies, %d late", out.requests, len(out.latencies), len(out.late))
	}
	// Not earlier than due: the last request is due at 299.5 ms.
	if out.took < 299*time.Millisecond || out.late[0] < 0 || out.latencies[0] <= 0 {
		t.Fatalf("took %s, least late %s, least latency %s", out.took, out.late[0], out.latencies[0])
	}
}

func TestALoadEndsWithItsCount(t *testing.T) {
	l := someLoad(answering(t), 100)
	l.count, l.length = 1234, time.Minute
	out, err := l.run(context.Background())
	if err != nil || out.requests != 1234 || out.latencies != nil {
		t.Fatalf("%d requests, %v", out.requests, err)
	}
}

func TestALoadReportsAnAnswerItDoesNotExpect(t *testing.T) {
	l := someLoad(answering(t), 0)
	l.status, l.length = http.StatusForbidden, time.Minute
	if _, err := l.run(context.Background()); err == nil || !strings.Contains(err.Error(), "answered 200, not 403") {
		t.Fatal(err)
	}
}

func TestDocumentsHaveWhatTheTableSays(t *testing.T) {
	text, err := rulesDocument()
	if err != nil {
		t.Fatal(err)
	}
	var rules []ruleDocument
	if err := json.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	kinds, known := map[string]int{}, map[string]string{}
	for _, r := range rules {
		kinds[r.Type]++
		known[r.ID] = r.Type
	}
	if len(known) != 1000 || kinds["regex"] != 100 || kinds["user"]+kinds["company"] != 900 {
		t.Fatalf("%d rules, %v", len(known), kinds)
	}

	if text, err = configDocument(customers); err != nil {
		t.Fatal(err)
	}
	var config struct {
		Users     map[string][]membership `json:"user_rules"`
		Companies map[string][]membership `json:"company_rules"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if n := len(config.Users) + len(config.Companies); n != 100_000 {
		t.Fatalf("%d customers", n)
	}
	for kind, members := range map[string]map[string][]membership{"user": config.Users, "company": config.Companies} {
		for id, all := range members {
			for _, m := range all {
				if known[m.Rules] != kind {
					t.Fatalf("%s %s is in rule %s, which is of type %q", kind, id, m.Rules, known[m.Rules])
				}
			}
		}
	}
}

func TestAnswersAreOfOneKilobyteAndNeverAlike(t *testing.T) {
	invent := newExchanges(1, usualItems)
	seen := map[string]bool{}
	total := 0
	for range 2000 {
		body := invent.answer(nil)
		if !json.Valid(body) {
			t.Fatalf("not JSON: %s", body)
		}
		seen[string(body)] = true
		total += len(body)
	}
	if mean := total / 2000; len(seen) != 2000 || mean < 950 || mean > 1050 {
		t.Fatalf("%d different answers of %d bytes in the mean", len(seen), mean)
	}
}

func TestMediansAndQuantiles(t *testing.T) {
	if m := median([]float64{9, 1, 5}); m != 5 {
		t.Errorf("median of three: %v", m)
	}
	if m := median([]float64{9, 1, 5, 2}); m != 3.5 {
		t.Errorf("median of four: %v", m)
	}
	var times []time.Duration
	for i := range 101 {
		times = append(times, time.Duration(i)*time.Microsecond)
	}
	if q := quantile(times, 0.99); q != 99 {
		t.Errorf("99th percentile: %v", q)
	}
}
