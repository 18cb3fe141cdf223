package govern

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithoutTheWaitRulesAreAskedForEvery30SecondsAndTheWaitEvery5Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		start(t, c, Options{})
		pass(time.Hour)
		c.mu.Lock()
		defer c.mu.Unlock()
		var previous, preferred time.Time
		polls, asked := 0, 0
		for _, call := range c.calls {
			if !strings.HasSuffix(call.path, "/v1/config") {
				continue
			}
			if d := call.at.Sub(previous); polls > 1 && (d < 27*time.Second || d > 33*time.Second) {
				t.Errorf("poll %d comes %s after the one before", polls, d)
			}
			polls, previous = polls+1, call.at
			if call.prefer == "" {
				continue
			}
			if d := call.at.Sub(preferred); asked > 0 && (d < 5*time.Minute || d > 5*time.Minute+33*time.Second) {
				t.Errorf("asked to wait %s after the last time", d)
			}
			asked, preferred = asked+1, call.at
		}
		if polls < 105 || polls > 135 || asked < 11 || asked > 13 {
			t.Errorf("in an hour %d polls, %d of them asked to wait", polls, asked)
		}
	})
}
