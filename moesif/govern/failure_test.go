package govern

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
)

// failing is a collector's answer to everything while on.
func failing(c *collector, answer func(*http.Request) (*http.Response, error)) (on *atomic.Bool) {
	on = new(atomic.Bool)
	c.fails = func(r *http.Request) (*http.Response, error) {
		if on.Load() {
			return answer(r)
		}
		return nil, nil
	}
	return on
}

// brokenOff is a document whose connection breaks.
type brokenOff struct{ io.Reader }

func (brokenOff) Close() error { return nil }

// failures are what a collector can do wrong, and what of it is logged.
var failures = map[string]struct {
	answer func(*http.Request) (*http.Response, error)
	word   string
}{
	"401": {func(*http.Request) (*http.Response, error) { return status(401, "") }, "the collector refuses the application id (401): check application_id"},
	"402": {func(*http.Request) (*http.Response, error) { return status(402, "") }, "the subscription is not active (402)"},
	"403": {func(*http.Request) (*http.Response, error) { return status(403, "{}") }, "the collector refuses the application id (403)"},
	"404": {func(*http.Request) (*http.Response, error) { return status(404, "") }, "answers 404 to GET v1/config: is collector_url right"},
	"204": {func(*http.Request) (*http.Response, error) { return status(204, "") }, "answers 204"},
	"301": {func(*http.Request) (*http.Response, error) {
		return status(301, "", "Location", "http://elsewhere.test/")
	}, "redirects (301)"},
	"429":   {func(*http.Request) (*http.Response, error) { return status(429, "") }, "not available (429)"},
	"500":   {func(*http.Request) (*http.Response, error) { return status(500, "") }, "not available (500)"},
	"hang":  {hang, "does not answer"},
	"reset": {func(*http.Request) (*http.Response, error) { return nil, errBroken }, "does not answer"},
	"null":  {func(*http.Request) (*http.Response, error) { return status(200, "null") }, "can not be read"},
	"html":  {func(*http.Request) (*http.Response, error) { return status(200, "<html>Sign in</html>") }, "can not be read"},
	"cut":   {func(*http.Request) (*http.Response, error) { return status(200, `{"sample_rate":1`) }, "can not be read"},
	"empty": {func(*http.Request) (*http.Response, error) { return status(200, ``) }, "can not be read"},
	"array": {func(*http.Request) (*http.Response, error) { return status(200, `[]`) }, "can not be read"},
	"error": {func(*http.Request) (*http.Response, error) { return status(200, `{"error":{"org_id":1}}`) }, "an object without any field of a configuration"},
	"broken off": {func(*http.Request) (*http.Response, error) {
		resp, err := status(200, "")
		resp.Body = brokenOff{io.MultiReader(strings.NewReader(`{"sample_rate"`), errorReader{})}
		return resp, err
	}, "broke off"},
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errors.New("unexpected EOF") }

func TestFailingCollectorIsAskedSlowlyAndTheRulesStay(t *testing.T) {
	for name, f := range failures {
		for _, waits := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newCollector()
					c.waits = waits
					c.set("", rulesOf(2))
					on := failing(c, f.answer)
					log := &logger{}
					r, _ := start(t, c, Options{Logger: log.slog()})
					pass(time.Minute)
					on.Store(true)
					pass(longestWait + timeout) // the question under way ends well
					before, at := c.asked(""), time.Now()
					c.set("", rulesOf(3))
					pass(time.Hour)
					inForce(t, r, 2)
					if r.Confirmed().After(at) {
						t.Errorf("confirmed %v", r.Confirmed())
					}
					if n := c.asked("") - before; n < 60 || n > 300 {
						t.Errorf("asked %d times in an hour", n)
					}
					log.says(t, f.word)
					if line := log.all()[0]; !strings.Contains(line, "; the last good rules stay in force") || !strings.Contains(line, "level=WARN") {
						t.Error(line)
					}
					on.Store(false)
					pass(lastPause + timeout)
					inForce(t, r, 3)
					log.says(t, f.word, "rules are kept in step again")
				})
			})
		}
	}
}

func TestFirstFetchThatFailsIsTriedAgain(t *testing.T) {
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCollector()
				c.set("", rulesOf(2))
				on := failing(c, f.answer)
				on.Store(true)
				log := &logger{}
				r, _ := start(t, c, Options{Logger: log.slog()})
				pass(timeout)
				if r.Set() != nil {
					t.Error("there are rules")
				}
				log.says(t, f.word)
				if line := log.all()[0]; !strings.Contains(line, "; no rules are in force") {
					t.Error(line)
				}
				on.Store(false)
				pass(lastPause)
				inForce(t, r, 2)
			})
		})
	}
}

func TestConfigurationWhoseRulesCanNotBeFetchedIsNotInForce(t *testing.T) {
	for name, f := range failures {
		if name == "array" {
			continue // no rules: a good answer
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCollector()
				c.waits = true
				c.set("", rulesOf(2))
				on := failing(c, nil)
				c.fails = func(r *http.Request) (*http.Response, error) {
					if on.Load() && strings.HasSuffix(r.URL.Path, "rules") {
						return f.answer(r)
					}
					return nil, nil
				}
				log := &logger{}
				r, _ := start(t, c, Options{Logger: log.slog()})
				set := r.Set()
				on.Store(true)
				c.set(`{"sample_rate":50}`, rulesOf(1))
				before := c.asked("")
				pass(10 * time.Minute)
				if r.Set() != set {
					t.Error("half of a change is in force")
				}
				if n := c.asked("") - before; n > 120 {
					t.Errorf("asked %d times", n)
				}
				if n := len(log.all()); n != 1 {
					t.Errorf("logged %q", log.all())
				}
				on.Store(false)
				pass(lastPause + timeout)
				inForce(t, r, 1)
				if r.Set().SampleRate(&rule.Subject{}) != 50 {
					t.Error("the configuration is the old one")
				}
			})
		})
	}
}

func TestEmptyArrayMeansNoRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		c.set("", rulesOf(2))
		r, _ := start(t, c, Options{})
		for _, bad := range []string{`null`, `{"a":1}`, `{}`, `[{"_id":"r"`, `<html>`, `""`} {
			c.set("", bad)
			pass(time.Minute)
			inForce(t, r, 2)
		}
		c.set("", " [ ] ")
		pass(31 * time.Second)
		inForce(t, r, 0)
	})
}

// endless is a document that never ends.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += int64(len(p))
	return len(p), nil
}
func (e *endless) Close() error { return nil }

func TestTooLongDocumentIsNotReadToItsEnd(t *testing.T) {
	for said, most := range map[int64]int64{-1: maxDocument + 1, maxDocument + 1: 0} {
		synctest.Test(t, func(t *testing.T) {
			c := newCollector()
			var body endless
			failing(c, func(*http.Request) (*http.Response, error) {
				resp, err := status(200, "")
				resp.Body, resp.ContentLength = &body, said
				return resp, err
			}).Store(true)
			log := &logger{}
			r, stop := start(t, c, Options{Logger: log.slog()})
			stop()
			if r.Set() != nil {
				t.Error("there are rules")
			}
			log.says(t, "the collector's answer to GET v1/config is longer than 64 MiB")
			if body.read > most {
				t.Errorf("said to be of %d bytes, %d bytes were read", said, body.read)
			}
		})
	}
}

func TestAnotherProblemIsLoggedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		var what atomic.Pointer[func() (*http.Response, error)]
		set := func(f func() (*http.Response, error)) { what.Store(&f) }
		c.fails = func(*http.Request) (*http.Response, error) { return (*what.Load())() }
		log := &logger{}
		set(func() (*http.Response, error) { return nil, errBroken })
		start(t, c, Options{Logger: log.slog()})
		pass(time.Minute)
		set(func() (*http.Response, error) { return status(503, "") })
		pass(time.Minute)
		set(func() (*http.Response, error) { return status(401, "") })
		pass(time.Minute)
		set(func() (*http.Response, error) { return nil, nil })
		pass(time.Minute)
		log.says(t, "does not answer", "(401)", "in step again")
		if !strings.Contains(log.all()[2], "after=3m") {
			t.Error(log.all()[2])
		}
	})
}

func TestPausesGrowAndAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		on := failing(c, func(*http.Request) (*http.Response, error) { return nil, errBroken })
		on.Store(true)
		start(t, c, Options{})
		pass(10 * time.Minute)
		calls, step := c.snapshot(), firstPause
		for i := 1; i < len(calls); i++ {
			if d := calls[i].at.Sub(calls[i-1].at); d < step/2 || d > step {
				t.Errorf("pause %d is %v, want %v to %v", i, d, step/2, step)
			}
			step = min(step*2, lastPause)
		}
		if step != lastPause {
			t.Errorf("the pauses only grew to %v", step)
		}
	})
}

// What a collector did before it was back is forgotten.
func TestNextBreakBeginsWithAShortPause(t *testing.T) {
	for _, waits := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newCollector()
			c.waits = waits
			on := failing(c, func(*http.Request) (*http.Response, error) { return nil, errBroken })
			start(t, c, Options{})
			for range 2 {
				on.Store(true)
				pass(10 * time.Minute)
				on.Store(false)
				pass(10 * time.Minute)
			}
			calls := c.snapshot()
			for i := 1; i < len(calls)-1; i++ {
				first := calls[i].status == 0 && calls[i-1].status != 0
				if d := calls[i+1].at.Sub(calls[i].at); first && d > firstPause {
					t.Errorf("waits %v: the first pause is %v", waits, d)
				}
			}
		})
	}
}

// Something in between ends requests that last: no reason for a line in the log,
// nor to do without long polls.
func TestLongPollsThatAreCutOffGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		c.fails = func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Prefer") != "wait=30" || r.Header.Get("If-None-Match") == "" {
				return nil, nil
			}
			c.mu.Lock()
			changed := c.changed
			c.mu.Unlock()
			select {
			case <-time.After(15 * time.Second):
				return status(504, "<html>Gateway Timeout</html>")
			case <-changed:
				return nil, nil
			}
		}
		log := &logger{}
		r, _ := start(t, c, Options{Logger: log.slog()})
		pass(time.Hour)
		log.says(t)
		if n := c.asked(""); n > 600 {
			t.Errorf("asked %d times in an hour", n)
		}
		pass(5 * time.Second)
		c.set("", rulesOf(1))
		pass(firstPause)
		inForce(t, r, 1)
	})
}

func TestLongPollsThatFailAtOnceArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		c.fails = func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Prefer") == "wait=30" && r.Header.Get("If-None-Match") != "" {
				return nil, errBroken
			}
			return nil, nil
		}
		r, _ := start(t, c, Options{})
		pass(time.Minute)
		before := c.asked("")
		pass(time.Hour)
		if n := c.asked("") - before; n > 500 {
			t.Errorf("asked %d times in an hour", n)
		}
		c.set("", rulesOf(1))
		pass(31 * time.Second)
		inForce(t, r, 1)
	})
}

func TestHungLongPollIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		log := &logger{}
		on := failing(c, hang)
		start(t, c, Options{Logger: log.slog()})
		on.Store(true)
		pass(longestWait + 2*timeout) // the long poll ends well, the next does not
		log.says(t)
		pass(longestWait + timeout) // and then the question whether anything is wrong
		log.says(t, "does not answer")
	})
}
