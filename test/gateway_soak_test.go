package test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	gatewaySoak = flag.Duration("gateway-soak", 5*time.Second, "how long the gateway goes on")
	seed        = flag.Uint64("seed", uint64(time.Now().UnixNano()), "what decides who does what when, in soaks")
)

// soakClients are how many call at a time.
const soakClients = 32

// short soaks show that the test works, and less of what it is about.
func short() bool { return *gatewaySoak < time.Minute }

// state is what a process holds.
type state struct {
	goroutines, files, resident, heap, queued float64
}

// A gateway with every kind of endpoint is called at full speed, while its file
// changes, clients leave, backends break and the collector has its moods: every
// answer is one that may be, the books balance and match the collector's, and in the
// end nothing is left over; what it holds does not grow.
func TestGatewayGoesOn(t *testing.T) {
	t.Logf("seed %d for %s", *seed, *gatewaySoak)
	r := rand.New(rand.NewPCG(*seed, 1))
	c := openMoodyCollector(t)
	g := openSoakedGateway(t, c)
	s := newSoaker(g.url, g.token)

	// What is made with the first calls is there from here on.
	s.once(t, r)
	rest := g.atRest(t, s, c, state{goroutines: 1e9, files: 1e9})

	g.takesAGigabyte(t)
	ctx, cancel := context.WithTimeout(t.Context(), *gatewaySoak)
	defer cancel()
	began := time.Now()
	var callers sync.WaitGroup
	for i := range soakClients {
		own := rand.New(rand.NewPCG(*seed, uint64(2+i)))
		callers.Go(func() { s.until(ctx, own) })
	}
	var seen []state
	callers.Go(func() {
		for tick := time.NewTicker(200 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			seen = append(seen, g.state(t))
		}
	})
	reloads := g.changes(ctx, t, c, r)
	callers.Wait()
	took := time.Since(began)
	c.mood.Store(0)

	end := g.atRest(t, s, c, rest)
	g.report(t, s, c, took, reloads, rest, end, seen)
	for _, f := range s.failures {
		t.Error(f)
	}
	books := g.books(t)
	if err := books.balance(); err != nil {
		t.Error(err)
	}
	if answered, most := s.answered.Load()+s.sockets.Load(), s.answered.Load()+s.sockets.Load()+s.canceled.Load()+g.asked; books.captured < answered || books.captured > most {
		t.Errorf("%d exchanges were captured, want from %d to %d", books.captured, answered, most)
	}
	if lost := books.outcomes["dropped"] + books.outcomes["rejected"]; lost != 0 || books.outcomes["sent"] != int64(c.taken()) {
		t.Errorf("the collector has %d events, the gateway's books say %+v", c.taken(), books)
	}
	if reloads == 0 || s.answered.Load() == 0 || s.canceled.Load() == 0 {
		t.Errorf("%d reloads, %d answers, %d calls left alone: this shows nothing", reloads, s.answered.Load(), s.canceled.Load())
	}
}

// soakedGateway is a gateway with testdata/soak.json.
type soakedGateway struct {
	*gateway
	token   string
	fill    func(version int) string // the file
	version int
	asked   int64 // calls of the test's own
}

func openSoakedGateway(t *testing.T, c *moodyCollector) *soakedGateway {
	t.Helper()
	template, err := os.ReadFile("testdata/soak.json")
	if err != nil {
		t.Fatal(err)
	}
	dir, keys := t.TempDir(), newIssuer(t)
	jwks := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(jwks, []byte(keys.keys), 0o600); err != nil {
		t.Fatal(err)
	}
	port, metrics := freePort(t), freePort(t)
	known := strings.NewReplacer("{port}", strconv.Itoa(port), "{metrics}", strconv.Itoa(metrics), "{upstream}", soakUpstream(t),
		"{nobody}", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "{jwks}", jwks)
	g := &soakedGateway{
		gateway: &gateway{
			url: fmt.Sprintf("http://127.0.0.1:%d", port), metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics),
			file: filepath.Join(dir, "krakend.json"),
			env:  []string{"GATEMETER_COLLECTOR_URL=" + c.url, "GATEMETER_APPLICATION_ID=an-id-for-the-test"},
		},
		token: keys.token(t, "ann"),
		fill: func(version int) string {
			return strings.Replace(known.Replace(string(template)), "{version}", strconv.Itoa(version), 1)
		},
	}
	g.write(t, g.fill(0))
	g.start(t)
	eventually(t, time.Minute, "the rules are in force", func() bool { return g.series(t)["gatemeter_rules"] == 1 })
	return g
}

// takesAGigabyte sends one body of that size (of 64 MiB in a short soak), streamed and
// decoded: memory does not tell.
func (g *soakedGateway) takesAGigabyte(t *testing.T) {
	t.Helper()
	size := int64(1 << 30)
	if short() {
		size = 64 << 20
	}
	before := g.state(t).resident
	for _, path := range []string{"/upload", "/upload/json"} {
		g.asked++
		began := time.Now()
		resp, err := http.Post(g.url+path, "application/octet-stream", io.LimitReader(zeros{}, size))
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := fmt.Sprintf(`{"bytes":%d}`, size); resp.StatusCode != http.StatusOK || string(answer) != want {
			t.Errorf("%s: got %d %s, want %s", path, resp.StatusCode, answer, want)
		}
		after := g.state(t).resident
		t.Logf("%s took %d MiB in %s; resident %.1f MiB before, %.1f MiB after", path, size>>20, time.Since(began).Round(time.Millisecond), before/(1<<20), after/(1<<20))
		if after > before+64<<20 {
			t.Errorf("%s: the body is held in memory", path)
		}
	}
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (g *soakedGateway) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(g.file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(g.file+".new", g.file); err != nil {
		t.Fatal(err)
	}
}

// changes replaces the file, now and then by a broken one, and the collector's mood,
// until ctx ends. It returns how many were taken over.
func (g *soakedGateway) changes(ctx context.Context, t *testing.T, c *moodyCollector, r *rand.Rand) (reloads int) {
	t.Helper()
	for {
		select {
		case <-ctx.Done():
			return reloads
		case <-time.After(time.Second + time.Duration(r.IntN(2000))*time.Millisecond):
		}
		c.change(r)
		if reloads > 0 && r.IntN(5) == 0 { // a short soak has two changes
			g.write(t, g.fill(-1)[1:]) // no JSON
			g.process.signal(t, syscall.SIGHUP)
			continue
		}
		if is := g.served(t); is != g.version {
			t.Errorf("version %d is served, want %d", is, g.version)
		}
		g.version++
		g.write(t, g.fill(g.version))
		g.process.signal(t, syscall.SIGHUP)
		eventually(t, time.Minute, "the new file is taken over", func() bool { return g.served(t) == g.version })
		reloads++
	}
}

// served is the version of the file that is in force.
func (g *soakedGateway) served(t *testing.T) int {
	t.Helper()
	g.asked++
	resp, err := http.Get(g.url + "/version")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	_, rest, _ := strings.Cut(string(body), `"version":`)
	n, err := strconv.Atoi(strings.TrimRight(rest, "}"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s", resp.StatusCode, body)
	}
	return n
}

func (g *soakedGateway) state(t *testing.T) state {
	t.Helper()
	all := g.all(t)
	return state{all["go_goroutines"], all["process_open_fds"], all["process_resident_memory_bytes"], all["go_memstats_heap_alloc_bytes"], all["gatemeter_queue_events"]}
}

// atRest waits until nobody calls, all events are delivered, and nothing more is held
// than before, a handful aside. It returns what is held then.
func (g *soakedGateway) atRest(t *testing.T, s *soaker, c *moodyCollector, before state) (now state) {
	t.Helper()
	s.client.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	what := func() string { return fmt.Sprintf("%+v; before: %+v; delivered: %d", now, before, c.taken()) }
	eventuallySays(t, 3*time.Minute, what, func() bool {
		const handful = 10
		now = g.state(t)
		return now.queued == 0 && now.goroutines <= before.goroutines+handful && now.files <= before.files+handful
	})
	return now
}

// eventuallySays is eventually with a text of what is so in the end.
func eventuallySays(t *testing.T, within time.Duration, what func() string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(within)
	for tick := time.NewTicker(100 * time.Millisecond); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not at rest within %s: %s", within, what())
		}
	}
}

// report prints the figures, and holds the second half of the run against the first.
func (g *soakedGateway) report(t *testing.T, s *soaker, c *moodyCollector, took time.Duration, reloads int, rest, end state, seen []state) {
	t.Helper()
	calls := s.answered.Load() + s.canceled.Load() + s.sockets.Load()
	t.Logf("%d calls in %s (%.0f a second), %d of them left by their client, %d websockets, %d reloads", calls, took.Round(time.Second), float64(calls)/took.Seconds(), s.canceled.Load(), s.sockets.Load(), reloads)
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		t.Logf("  %-28s %v", name, s.counts[name])
	}
	t.Logf("books %+v; the collector has %d events of %v pushes", g.books(t), c.taken(), c.pushes)
	most := func(of func(state) float64) float64 {
		return of(slices.MaxFunc(seen, func(a, b state) int { return int(of(a) - of(b)) }))
	}
	t.Logf("goroutines %.0f before, %.0f at most, %.0f after; files %.0f, %.0f, %.0f", rest.goroutines, most(func(s state) float64 { return s.goroutines }), end.goroutines, rest.files, most(func(s state) float64 { return s.files }), end.files)
	// The first eighth fills pools and caches.
	first, second := seen[len(seen)/8:len(seen)/2], seen[len(seen)/2:]
	if len(first) == 0 {
		t.Fatalf("only %d looks at the process", len(seen))
	}
	resident := func(s state) float64 { return s.resident }
	live := func(s state) float64 { return s.heap }
	for _, m := range []struct {
		what string
		of   func([]state, func(state) float64) float64
		size func(state) float64
	}{{"resident memory (median)", median, resident}, {"live heap (least seen, so just collected)", least, live}} {
		a, b := m.of(first, m.size), m.of(second, m.size)
		t.Logf("%s: %.1f MiB in the first half, %.1f MiB in the second, %.1f MiB at most", m.what, a/(1<<20), b/(1<<20), most(m.size)/(1<<20))
		slack := float64(16 << 20)
		if short() {
			slack = 128 << 20 // it is still warming up
		}
		if b > 1.1*a+slack {
			t.Errorf("%s grows", m.what)
		}
	}
}

func median(all []state, of func(state) float64) float64 {
	var values []float64
	for _, s := range all {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func least(all []state, of func(state) float64) float64 {
	return of(slices.MinFunc(all, func(a, b state) int { return int(of(a) - of(b)) }))
}
