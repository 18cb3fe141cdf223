package govern

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
)

func TestChangeIsInForceAtOnceWhereTheCollectorWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		r, _ := start(t, c, Options{})
		inForce(t, r, 0)
		for i := 1; i < 20; i++ {
			pass(time.Duration(i) * 3 * time.Second)
			c.set("", rulesOf(i))
			synctest.Wait() // and no time passes
			inForce(t, r, i)
		}
	})
}

func TestRuleSwitchedOnAndOffAgainAndAgainIsInForceWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		r, _ := start(t, c, Options{})
		for i := range 100 { // the tags are the same two all the time
			c.set("", rulesOf(i%2))
			before := time.Now()
			for r.Set().Rules() != i%2 {
				if time.Since(before) > 900*time.Millisecond {
					t.Fatalf("change %d is not in force", i)
				}
				pass(10 * time.Millisecond)
			}
		}
	})
}

func TestRulesThatChangedWithoutTheConfigurationAreFetchedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		r, _ := start(t, c, Options{})
		before := len(c.snapshot())
		c.set("", rulesOf(4))
		synctest.Wait()
		inForce(t, r, 4)
		calls := c.snapshot()[before-1:] // from the long poll on
		if len(calls) != 3 || calls[0].status != 304 || calls[1].path != "/v1/rules" || calls[1].status != 200 {
			t.Fatalf("asked %+v", calls)
		}
		if tag, _ := c.tags(); !strings.HasPrefix(calls[2].known, `"`+tag+`"`) || strings.Count(calls[2].known, ",") != 1 {
			t.Errorf("says that it knows %s", calls[2].known)
		}
	})
}

func TestConfigurationThatChangedAloneLeavesTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		c.set("", rulesOf(2))
		r, _ := start(t, c, Options{})
		set, rules := r.Set(), c.asked("/v1/rules")
		c.set(`{"sample_rate":7}`, "")
		synctest.Wait()
		inForce(t, r, 2)
		if r.Set() == set || c.asked("/v1/rules") != rules {
			t.Errorf("asked for rules %d times", c.asked("/v1/rules")-rules)
		}
	})
}

func TestNothingIsCompiledAgainWhenNothingChanged(t *testing.T) {
	for name, prepare := range map[string]func(c *collector){
		"waits":          func(c *collector) { c.waits = true },
		"polls":          func(*collector) {},
		"without tags":   func(c *collector) { c.naked = true },
		"random tags":    func(c *collector) { c.salt = func(n int) string { return fmt.Sprint(n) } },
		"waits, no tags": func(c *collector) { c.waits, c.naked = true, true },
		"waits, random":  func(c *collector) { c.waits = true; c.salt = func(n int) string { return fmt.Sprint(n) } },
		"waits, not really": func(c *collector) {
			c.after = func(_ *http.Request, resp *http.Response, _ int) { resp.Header.Set("Preference-Applied", "wait=30") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCollector()
				prepare(c)
				c.set("", rulesOf(2))
				r, _ := start(t, c, Options{})
				set := r.Set()
				pass(time.Hour)
				if r.Set() != set {
					t.Error("compiled again")
				}
				if time.Since(r.Confirmed()) > time.Minute {
					t.Errorf("confirmed %v ago", time.Since(r.Confirmed()))
				}
				if n := c.asked(""); n < 100 || n > 400 {
					t.Errorf("asked %d times in an hour", n)
				}
				c.set("", rulesOf(5))
				pass(time.Minute)
				inForce(t, r, 5)
			})
		})
	}
}

func TestCollectorThatDoesNotWaitIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		r, _ := start(t, c, Options{})
		began := time.Now()
		pass(time.Hour)
		var last, lastAsked time.Time
		intervals := map[time.Duration]bool{}
		for _, call := range c.snapshot() {
			if call.path != "/v1/config" {
				continue
			}
			if !last.IsZero() {
				d := call.at.Sub(last)
				intervals[d] = true
				if d < 27*time.Second || d > 33*time.Second {
					t.Errorf("a poll after %v", d)
				}
			}
			last = call.at
			if call.prefer == "" {
				continue
			}
			if d := call.at.Sub(lastAsked); !lastAsked.IsZero() && (d < askAgain || d > askAgain+33*time.Second) {
				t.Errorf("asked to wait again after %v", d)
			}
			lastAsked = call.at
		}
		if len(intervals) < 50 {
			t.Errorf("%d different intervals: where is the jitter", len(intervals))
		}
		if lastAsked.Sub(began) < 50*time.Minute {
			t.Errorf("asked to wait for the last time after %v", lastAsked.Sub(began))
		}
		c.set("", rulesOf(1))
		pass(33 * time.Second)
		inForce(t, r, 1)
	})
}

func TestCollectorThatBeginsToWaitIsNoticedInFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		r, _ := start(t, c, Options{})
		pass(time.Minute)
		c.become(true)
		pass(askAgain + time.Minute)
		c.set("", rulesOf(1))
		synctest.Wait()
		inForce(t, r, 1)

		c.become(false) // another version was put in its place
		c.set("", rulesOf(2))
		pass(time.Minute)
		before := c.asked("")
		pass(10 * time.Minute)
		if n := c.asked("") - before; n > 25 {
			t.Errorf("asked %d times in ten minutes", n)
		}
	})
}

func TestNewTagOnAPushIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		r, _ := start(t, c, Options{})
		r.Saw(c.tags()) // nothing new
		pass(time.Second)
		asked := c.asked("")
		c.set("", rulesOf(2))
		r.Saw("", "")
		pass(time.Second)
		if c.asked("") != asked {
			t.Error("asked without a reason")
		}
		r.Saw(c.tags())
		synctest.Wait()
		inForce(t, r, 2)
		for range 100 {
			r.Saw(c.tags())
		}
		pass(time.Second)
		if n := c.asked("") - asked; n != 2 {
			t.Errorf("asked %d times", n)
		}
		c.set(`{"sample_rate":3}`, "")
		config, _ := c.tags()
		r.Saw(`W/"`+config+`"`, "")
		synctest.Wait()
		if n := c.asked("") - asked; n != 3 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Nodes of a collector that do not agree on tags must not have it asked again and
// again.
func TestTagsThatTakeTurnsAreNoNews(t *testing.T) {
	for _, c := range []struct {
		nodes, most int // requests in an hour of pushes every two seconds
		waits       bool
	}{
		{1, 150, false}, {2, 150, false}, {3, 600, false}, {7, 600, false},
		{1, 150, true}, {2, 150, true}, {3, 600, true}, {7, 600, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			col := newCollector()
			col.waits = c.waits
			r, _ := start(t, col, Options{})
			config, rules := col.tags()
			for i := range 1800 {
				node := ""
				if n := i % c.nodes; n > 0 {
					node = fmt.Sprint(n)
				}
				r.Saw(config+node, rules+node)
				pass(2 * time.Second)
			}
			if n := col.asked(""); n > c.most {
				t.Errorf("%d nodes, waits %v: asked %d times", c.nodes, c.waits, n)
			}
		})
	}
}

func TestTagsThatTookTurnsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		r, _ := start(t, c, Options{})
		for i := range 200 {
			r.Saw(fmt.Sprint("node", i%5), "")
			pass(2 * time.Second)
		}
		pass(10 * time.Minute)
		c.set("", rulesOf(1))
		r.Saw("node6", "")
		synctest.Wait()
		inForce(t, r, 1)
		c.set("", rulesOf(2))
		r.Saw("node7", "")
		synctest.Wait() // and there is no pause between the two
		inForce(t, r, 2)
	})
}

func TestNodesWithOtherTagsForTheSameAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		node := 0
		c.salt = func(n int) string {
			if node++; node%2 == 0 {
				return "other"
			}
			return ""
		}
		r, _ := start(t, c, Options{})
		pass(time.Minute)
		before := c.asked("")
		pass(time.Hour)
		if n := c.asked("/v1/config") - before; n > 130 {
			t.Errorf("asked %d times", n)
		}
		c.set("", rulesOf(1))
		synctest.Wait()
		inForce(t, r, 1)
	})
}

// Two nodes that hold different documents for good can only be followed slowly.
func TestNodesThatHoldOtherDocumentsAreNotARace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		c.after = func(r *http.Request, _ *http.Response, n int) {
			if r.URL.Path == "/v1/config" {
				c.set("", rulesOf(n%2))
			}
		}
		start(t, c, Options{})
		pass(10 * time.Minute)
		if n := c.asked("/v1/config"); n > 600*5 {
			t.Errorf("asked %d times in ten minutes", n)
		}
	})
}

func TestNewTagEndsALongPollThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		log := &logger{}
		r, _ := start(t, c, Options{Logger: log.slog()})
		pass(10 * time.Second)
		c.mu.Lock()
		c.rules = rulesOf(1) // and nobody is woken
		c.mu.Unlock()
		r.Saw(c.tags())
		pass(grace)
		inForce(t, r, 1)
		log.says(t)
		before := c.asked("")
		pass(25 * time.Second)
		if c.asked("") != before {
			t.Error("there is no long poll again")
		}
	})
}

func TestConfigurationThatChangedMeanwhileIsFetchedAgain(t *testing.T) {
	for _, waits := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newCollector()
			c.waits = waits
			once := false
			c.fails = func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/v1/rules" && !once {
					once = true
					c.set(`{"sample_rate":5}`, rulesOf(3))
				}
				return nil, nil
			}
			r, _ := start(t, c, Options{})
			inForce(t, r, 3)
			if c.asked("/v1/config") < 2 || r.Set().SampleRate(&rule.Subject{}) != 5 {
				t.Errorf("waits %v: asked for it %d times", waits, c.asked("/v1/config"))
			}
		})
	}
}
