//go:build soak

package test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	soak    = flag.Duration("soak", 30*time.Minute, "how long to go on")
	crashes = flag.Int("crashes", 100, "how many times the platform dies at random moments and at failpoints")
)

// Round after round of calls, while the platform is killed or stopped and comes
// back at times the seed decides: nothing that was answered is ever missing or
// there twice.
func TestSoak(t *testing.T) {
	t.Logf("seed %d for %s", *seed, *soak)
	r := rand.New(rand.NewPCG(*seed, 0))
	h := openHouse(t)
	var answered []int
	for end, first := time.Now().Add(*soak), 0; time.Now().Before(end); {
		n := 500 + r.IntN(4000)
		answers := make(chan []int)
		go func() { answers <- h.call(t, first, n, 1+r.IntN(12)) }()
		for range r.IntN(4) {
			before := h.platform.pipeline(t).Stored
			some := before + int64(r.IntN(n/4+1))
			eventually(t, time.Minute, "some more events stored, or all", func() bool {
				b := h.books(t)
				return h.platform.pipeline(t).Stored >= some || b.queued == 0 && b.captured >= int64(first)
			})
			if r.IntN(3) == 0 {
				h.platformProcess.terminate(t)
			} else {
				h.platformProcess.kill(t)
			}
			h.startPlatform(t)
		}
		answered = append(answered, <-answers...)
		if len(answered) != first+n {
			t.Fatalf("%d of %d calls were answered", len(answered), first+n)
		}
		first += n
		h.wantStoredOnce(t, answered, 2*time.Minute)
		t.Logf("%d calls, %d of them stored once", first, len(answered))
	}
}

// Round after round of a hundred thousand calls over a bad link.
func TestSoakOnABadLink(t *testing.T) {
	for end, n := time.Now().Add(*soak), *seed; time.Now().Before(end); n++ {
		t.Run(fmt.Sprintf("seed %d", n), func(t *testing.T) { throughChaos(t, n, 100000) })
	}
}

// moments are the failpoints of our own code.
var moments = []string{
	"journal.gathered", "journal.committed", "load.read", "load.seen", "load.weighed", "events.appended", "events.moved", "events.committed",
	"events.rolled", "events.folding", "events.folded", "events.joining", "events.joined", "load.stored", "load.trimming", "load.trimmed", "collect.read", "collect.appended", "state.written",
}

// Crash after crash: at random moments, at every failpoint, with a torn last write,
// after the disk was full for a while.
func TestSoakCrashes(t *testing.T) {
	ends := []string{"kill", "kill", "kill", "torn", "torn", "full", "full"}
	for _, m := range moments {
		ends = append(ends, "failpoint "+m)
	}
	crashRuns(t, *seed, *crashes, ends)
}
