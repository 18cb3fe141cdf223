package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// house is a platform and a gateway before a real upstream, each a process of its own.
type house struct {
	dir, listen      string
	platform         platformAPI
	platformProcess  *process
	gateway, metrics string
	gatewayProcess   *process
}

func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), listen: "127.0.0.1:" + strconv.Itoa(freePort(t))}
	h.platform.url = "http://" + h.listen
	h.startPlatform(t)

	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"path":%q}`, r.URL.Path)
	}))
	t.Cleanup(upstream.Close)
	h.startGateway(t, upstream.URL)
	return h
}

func (h *house) startPlatform(t *testing.T) {
	t.Helper()
	h.platformProcess = start(t, nil, []string{"platform", "--data", h.dir, "--listen", h.listen}, h.platform.url+"/readyz")
}

func (h *house) startGateway(t *testing.T, upstream string) {
	t.Helper()
	port, metrics := freePort(t), freePort(t)
	config, err := json.Marshal(map[string]any{
		"version": 3, "port": port, "listen_ip": "127.0.0.1", "host": []string{upstream}, "timeout": "20s",
		"endpoints": []any{map[string]any{
			"endpoint": "/things/{id}", "output_encoding": "no-op",
			"backend": []any{map[string]any{"url_pattern": "/{id}"}},
		}},
		"extra_config": map[string]any{
			"telemetry/logging": map[string]any{"level": "WARNING", "stdout": true},
			"telemetry/metrics": map[string]any{"listen_address": "127.0.0.1:" + strconv.Itoa(metrics)},
			"router":            map[string]any{"disable_access_log": true},
			"telemetry/moesif": map[string]any{
				"application_id": "from-the-environment", "user_id_headers": []string{"X-User-Id"}, "timer_wake_up_seconds": 1,
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "krakend.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	h.gateway, h.metrics = fmt.Sprintf("http://127.0.0.1:%d", port), fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics)
	h.gatewayProcess = start(t, []string{
		"GATEMETER_COLLECTOR_URL=" + h.platform.url, "GATEMETER_APPLICATION_ID=" + h.platform.applicationID(t),
	}, []string{"run", "-c", file}, h.gateway+"/__health")
}

// call sends n requests numbered from first and returns the numbers that were answered.
func (h *house) call(t *testing.T, first, n, clients int) (answered []int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	ok := make([]bool, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/things/%d", h.gateway, first+i), nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-User-Id", fmt.Sprintf("user-%d", i%40))
				resp, err := client.Do(req)
				if err != nil {
					continue
				}
				resp.Body.Close()
				ok[i] = resp.StatusCode == http.StatusOK
			}
		})
	}
	wait.Wait()
	for i, ok := range ok {
		if ok {
			answered = append(answered, first+i)
		}
	}
	return answered
}

var thing = regexp.MustCompile(`/things/(\d+)`)

// stored returns how often each numbered call is in the store.
func (h *house) stored(t *testing.T) map[int]int {
	t.Helper()
	found := map[int]int{}
	for _, e := range h.platform.allEvents(t) {
		m := thing.FindStringSubmatch(e.Request.URI)
		if m == nil {
			t.Fatalf("an event nobody caused: %s", e.Request.URI)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		found[n]++
	}
	return found
}

// gatewayBooks reads the gateway's side from its metrics: captured, and where each event went.
func (h *house) gatewayBooks(t *testing.T) (captured, queued int64, outcomes map[string]int64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.metrics, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, body := fetch(t, req)
	outcomes = map[string]int64{}
	for line := range strings.Lines(string(body)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !strings.HasPrefix(name, "gatemeter_") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch {
		case name == "gatemeter_events_captured_total":
			captured = int64(n)
		case name == "gatemeter_queue_events":
			queued = int64(n)
		case strings.HasPrefix(name, "gatemeter_events_total"):
			outcomes[outcome.FindStringSubmatch(name)[1]] += int64(n)
		}
	}
	return captured, queued, outcomes
}

var outcome = regexp.MustCompile(`outcome="([a-z]+)"`)

func (h *house) wantStoredOnce(t *testing.T, answered []int, within time.Duration) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("%d events in the store", len(answered)), func() bool {
		b := h.platform.pipeline(t)
		return b.InFlight == 0 && b.Stored >= int64(len(answered))
	})
	found := h.stored(t)
	for _, n := range answered {
		if found[n] != 1 {
			t.Errorf("call %d was answered and is stored %d times", n, found[n])
		}
	}
}

func TestTwentyThousandCallsAreCountedOnceAndBothBooksAgree(t *testing.T) {
	h := openHouse(t)
	const n = 20000
	answered := h.call(t, 0, n, 16)
	if len(answered) != n {
		t.Fatalf("%d of %d calls were answered", len(answered), n)
	}
	h.wantStoredOnce(t, answered, 60*time.Second)

	captured, queued, outcomes := h.gatewayBooks(t)
	if captured != n || queued != 0 || outcomes["sent"] != n {
		t.Errorf("the gateway captured %d, has %d queued, and accounts for %v", captured, queued, outcomes)
	}
	if sum := outcomes["sent"] + outcomes["skipped"] + outcomes["dropped"] + outcomes["rejected"] + queued; sum != captured {
		t.Errorf("the gateway's books do not balance: %d captured, %d found again", captured, sum)
	}
	b := h.platform.pipeline(t)
	if b.Stored != n || b.Received-outcomes["sent"] != b.Duplicate {
		t.Errorf("the two sums disagree: gateway %v, platform %+v", outcomes, b)
	}
	var usage struct {
		Total struct {
			Calls int64 `json:"calls"`
		} `json:"total"`
	}
	h.platform.get(t, "/api/v1/usage/top?by=user&from=-1h", &usage)
	if usage.Total.Calls != n {
		t.Errorf("usage counts %d calls", usage.Total.Calls)
	}
}

func TestWithThePlatformStoppedTheGatewayAnswersAndCatchesUpOnce(t *testing.T) {
	h := openHouse(t)
	answered := h.call(t, 0, 100, 4)
	h.platformProcess.terminate(t)
	answered = append(answered, h.call(t, 100, 2000, 8)...)
	if len(answered) != 2100 {
		t.Fatalf("%d of 2100 calls were answered", len(answered))
	}
	h.startPlatform(t)
	h.wantStoredOnce(t, answered, 60*time.Second)
}

func TestSIGTERMUnderLoadLosesNoEvent(t *testing.T) {
	h := openHouse(t)
	answers := make(chan []int)
	go func() { answers <- h.call(t, 0, 20000, 8) }()
	eventually(t, 30*time.Second, "the load to be under way", func() bool {
		captured, _, _ := h.gatewayBooks(t)
		return captured > 500
	})
	h.gatewayProcess.terminate(t)
	answered := <-answers
	if len(answered) < 500 || len(answered) == 20000 {
		t.Fatalf("%d calls were answered: the gateway was not stopped under load", len(answered))
	}
	h.wantStoredOnce(t, answered, 30*time.Second)
}

func TestKillingThePlatformUnderLoadLosesNothingItAcceptedAndCountsNothingTwice(t *testing.T) {
	h := openHouse(t)
	answers := make(chan []int)
	go func() { answers <- h.call(t, 0, 8000, 8) }()
	for round := range 2 {
		eventually(t, 30*time.Second, "some events stored", func() bool { return h.platform.pipeline(t).Stored > int64(500*(round+1)) })
		h.platformProcess.kill(t)
		h.startPlatform(t)
	}
	answered := <-answers
	if len(answered) != 8000 {
		t.Fatalf("%d of 8000 calls were answered while the platform died", len(answered))
	}
	h.wantStoredOnce(t, answered, 60*time.Second)
	_, _, outcomes := h.gatewayBooks(t)
	b := h.platform.pipeline(t)
	if outcomes["sent"] != 8000 || b.Stored != 8000 {
		t.Errorf("sent %d, stored %d", outcomes["sent"], b.Stored)
	}
}
