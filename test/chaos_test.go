package test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	toxic "github.com/Shopify/toxiproxy/v2/client"
)

// incident is something that goes wrong on the way to the platform, and is put
// right again.
type incident struct {
	name       string
	begin, end func(*testing.T)
}

// incidents returns all that can happen, each kind of trouble in both directions,
// as bad and in the order that r says.
func (h *chaos) incidents(r *rand.Rand) []incident {
	var all []incident
	for _, stream := range []string{upstream, downstream} {
		for _, w := range []trouble{
			{"latency", stream, toxic.Attributes{"latency": 50 + r.IntN(150), "jitter": r.IntN(50)}},
			{"reset_peer", stream, toxic.Attributes{"timeout": r.IntN(200)}},
			{"slow_close", stream, toxic.Attributes{"delay": 100 + r.IntN(900)}},
			{"bandwidth", stream, toxic.Attributes{"rate": 10 + r.IntN(100)}}, // KB/s
			{"timeout", stream, toxic.Attributes{"timeout": 0}},               // swallows all until it is taken away
			{"slicer", stream, toxic.Attributes{"average_size": 64 + r.IntN(1000), "size_variation": 32, "delay": r.IntN(500)}},
			{"limit_data", stream, toxic.Attributes{"bytes": 1 + r.IntN(20000)}},
		} {
			all = append(all, incident{
				w.String(),
				func(t *testing.T) { t.Helper(); h.link.add(t, w) },
				func(t *testing.T) { t.Helper(); h.link.remove(t, w) },
			})
		}
	}
	all = append(all,
		incident{"the link is down", h.link.down, h.link.up},
		incident{
			"kill -9 of the platform",
			func(t *testing.T) { t.Helper(); h.platformProcess.kill(t) },
			h.startPlatform,
		})
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// chaos is a house whose gateway reaches the platform over a bad link.
type chaos struct {
	*house
	link *link
	sent int64 // by gateways that have ended
}

func openChaos(t *testing.T) *chaos {
	t.Helper()
	h := &chaos{house: openPlatform(t)}
	h.link = openLink(t, h.listen)
	h.gateway = openGateway(t, gatewayOptions{
		platform: h.platform, collector: h.link.url, upstream: openQuickUpstream(t),
		env: []string{"GATEMETER_SPOOL_DIR=" + t.TempDir(), "GATEMETER_DRAIN_TIMEOUT=1s"},
	})
	return h
}

// reserve is how many calls are kept for each incident, however fast the others are made.
const reserve = 1000

// happen goes through incidents while the load goes on: each lasts until some
// more calls were answered, so that clients who wait for analytics would stop it
// all, and is over when the gateway has pushed again.
func (h *chaos) happen(t *testing.T, r *rand.Rand, l *load, all []incident) {
	t.Helper()
	for i, w := range all {
		later := len(all) - i - 1
		begun := time.Now()
		w.begin(t)
		l.hold(later * reserve)
		left := l.n - later*reserve - int(l.done.Load())
		share := left / (later + 2)
		l.progress(t, min(left, max(reserve/2, share/4+r.IntN(share/2+1))))
		lasted := time.Since(begun)
		w.end(t)
		before := h.books(t).outcomes["sent"]
		eventually(t, time.Minute, "a push after "+w.name, func() bool {
			b := h.books(t)
			return b.outcomes["sent"] > before || b.queued == 0
		})
		t.Logf("%.1f s of %s, and %.1f s until a push", lasted.Seconds(), w.name, time.Since(begun).Seconds()-lasted.Seconds())
	}
}

// restart stops the gateway while the platform cannot be reached, and starts it
// again: what was queued is found again.
func (h *chaos) restart(t *testing.T) {
	t.Helper()
	before := h.books(t)
	if before.queued == 0 {
		t.Error("nothing was queued when the gateway was stopped")
	}
	if err := before.balance(); err != nil {
		t.Error(err)
	}
	h.sent += before.outcomes["sent"]
	h.process.terminate(t)
	h.start(t)
	if b := h.books(t); b.recovered != before.queued {
		t.Errorf("%d events were queued when the gateway was stopped, %d were recovered", before.queued, b.recovered)
	}
}

// wantBalanced wants both sums and the link of the books, after n calls and all drained.
func (h *chaos) wantBalanced(t *testing.T, n int) {
	t.Helper()
	g, p := h.books(t), h.platform.pipeline(t)
	if err := g.balance(); err != nil {
		t.Error(err)
	}
	sent := h.sent + g.outcomes["sent"]
	if g.queued != 0 || sent != int64(n) || p.Stored != int64(n) {
		t.Errorf("of %d calls %d were sent, %d are queued, %d stored: gateway %+v, platform %+v", n, sent, g.queued, p.Stored, g, p)
	}
	if again := p.Received - sent; again < 0 || again > p.Duplicate {
		t.Errorf("%d events were sent and %d received, of them %d duplicates", sent, p.Received, p.Duplicate)
	}
	if p.Duplicate == 0 {
		t.Error("no acknowledgement was lost: the link was not bad at all")
	}
	t.Logf("%d sent, %d received, %d duplicates", sent, p.Received, p.Duplicate)
}

// wantPerUser wants the calls that each customer made, as usage counts them.
func (h *chaos) wantPerUser(t *testing.T, n int) {
	t.Helper()
	want := map[string]int64{}
	for i := range n {
		want[userOf(i)]++
	}
	var top struct {
		Rows []struct {
			Key   string
			Calls int64
		}
	}
	h.platform.get(t, fmt.Sprintf("/api/v1/usage/top?by=user&from=-1h&limit=%d", users), &top)
	for _, row := range top.Rows {
		if row.Calls != want[row.Key] {
			t.Errorf("%s made %d calls and is charged %d", row.Key, want[row.Key], row.Calls)
		}
		delete(want, row.Key)
	}
	if len(want) > 0 {
		t.Errorf("nothing is known of the calls of %v", want)
	}
}

// slowest is what no client may wait longer for: less than a push that hangs.
const slowest = 5 * time.Second

func TestChaosOnTheLinkLosesNothingAndCountsNothingTwice(t *testing.T) {
	throughChaos(t, 1, 100000)
}

// throughChaos makes n calls while all incidents happen, and the gateway is
// restarted in the middle.
func throughChaos(t *testing.T, seed uint64, n int) {
	t.Helper()
	begun := time.Now()
	r := rand.New(rand.NewPCG(seed, 0))
	h := openChaos(t)

	var waits []time.Duration
	run := func(from, to int, all []incident) {
		t.Helper()
		l := h.load(t, from, to-from, len(all)*reserve)
		h.happen(t, r, l, all)
		waits = append(waits, l.wait(t)...)
	}
	all := h.incidents(r)
	middle, restart := len(all)/2, n/2
	run(0, restart, all[:middle])
	h.link.down(t)
	run(restart, restart+n/20, nil)
	h.restart(t)
	h.link.up(t)
	run(restart+n/20, n, all[middle:])
	loaded := time.Since(begun)

	h.wantAllStoredOnce(t, n, 2*time.Minute)
	h.wantBalanced(t, n)
	h.wantPerUser(t, n)
	slices.Sort(waits)
	t.Logf("%d calls in %.1f s, looked through in %.1f s; answers took %s (half of them), %s (all but 1 %%), %s (the slowest)",
		n, loaded.Seconds(), (time.Since(begun) - loaded).Seconds(), waits[n/2], waits[n*99/100], waits[n-1])
	if waits[n-1] > slowest {
		t.Errorf("a client waited %s for its answer", waits[n-1])
	}
}
