package test

import (
	"testing"
	"time"
)

func TestTwentyThousandCallsAreCountedOnceAndBothBooksAgree(t *testing.T) {
	h := openHouse(t)
	const n = 20000
	answered := h.call(t, 0, n, 16)
	if len(answered) != n {
		t.Fatalf("%d of %d calls were answered", len(answered), n)
	}
	h.wantStoredOnce(t, answered, 60*time.Second)

	g := h.books(t)
	if g.captured != n || g.queued != 0 || g.outcomes["sent"] != n {
		t.Errorf("the gateway's books are %+v", g)
	}
	if err := g.balance(); err != nil {
		t.Error(err)
	}
	b := h.platform.pipeline(t)
	if b.Stored != n || b.Received-g.outcomes["sent"] != b.Duplicate {
		t.Errorf("the two sums disagree: gateway %+v, platform %+v", g, b)
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
		return h.books(t).captured > 500
	})
	h.process.terminate(t)
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
	g := h.books(t)
	b := h.platform.pipeline(t)
	if g.outcomes["sent"] != 8000 || b.Stored != 8000 {
		t.Errorf("sent %d, stored %d", g.outcomes["sent"], b.Stored)
	}
}
