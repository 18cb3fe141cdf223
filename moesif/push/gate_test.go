package push

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestDownCollectorIsAskedWithGrowingPauses(t *testing.T) {
	for name, fail := range map[string]func() (*http.Response, error){
		"503":        func() (*http.Response, error) { return status(503) },
		"500":        func() (*http.Response, error) { return status(500) },
		"429":        func() (*http.Response, error) { return status(429) },
		"408":        func() (*http.Response, error) { return status(408) },
		"connection": func() (*http.Response, error) { return nil, errBroken },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var up atomic.Bool
				c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
					if up.Load() {
						return status(201)
					}
					return fail()
				}}
				log := &logger{}
				q, _ := start(t, c, Options{Logger: log.slog(), Concurrency: 1})
				put(q, span(0, 40)...)
				synctest.Wait()
				pass(10 * time.Minute)
				synctest.Wait()
				checkPauses(t, c, firstDown, lastDown)
				if s := balance(t, q, 40); s.Queued != 40 {
					t.Fatalf("%+v", s)
				}
				up.Store(true)
				pass(lastDown)
				synctest.Wait()
				if s := balance(t, q, 40); s.Sent != 40 {
					t.Fatalf("%+v", s)
				}
				if lines := log.all(); len(lines) != 2 { // down, and up again
					t.Fatalf("logged %q", lines)
				}
			})
		})
	}
}

// checkPauses wants each call after a pause between half of a step and the whole
// of it, with steps that double from first to last.
func checkPauses(t *testing.T, c *collector, first, last time.Duration) {
	t.Helper()
	calls, _ := c.snapshot()
	step := first
	for i := 1; i < len(calls); i++ {
		if d := calls[i].Sub(calls[i-1]); d < step/2 || d > step {
			t.Errorf("pause %d is %v, want %v to %v", i, d, step/2, step)
		}
		step = min(step*2, last)
	}
	if step != last {
		t.Errorf("the pauses only grew to %v", step)
	}
}

func TestRefusingCollectorPausesAndLosesNothing(t *testing.T) {
	for code, word := range map[int]string{
		301: "redirects (301)", 401: "application id (401)", 402: "subscription is not active (402)",
		403: "application id (403)", 404: "answers 404", 410: "answers 410", 415: "answers 415",
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var up atomic.Bool
				c := &collector{answer: func(_ []int, r *http.Request) (*http.Response, error) {
					if r.URL.Host != "collector.test" {
						t.Error("followed a redirect")
					}
					if up.Load() {
						return status(200)
					}
					return status(code, "Location", "http://elsewhere.test/")
				}}
				log := &logger{}
				q, _ := start(t, c, Options{Logger: log.slog(), Concurrency: 1})
				put(q, span(0, 100)...)
				synctest.Wait()
				pass(10 * time.Minute)
				synctest.Wait()
				checkPauses(t, c, firstPause, lastPause)
				if s := balance(t, q, 100); s.Queued != 100 {
					t.Fatalf("%+v", s)
				}
				up.Store(true)
				pass(lastPause)
				synctest.Wait()
				if s := balance(t, q, 100); s.Sent != 100 {
					t.Fatalf("%+v", s)
				}
				if lines := log.all(); len(lines) != 2 || !strings.Contains(lines[0], word) {
					t.Fatalf("logged %q", lines)
				}
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "120" },
		"date":    func() string { return time.Now().Add(120 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := true
				c := &collector{answer: func([]int, *http.Request) (*http.Response, error) {
					if first {
						first = false
						return status(429, "Retry-After", header())
					}
					return status(201)
				}}
				q, _ := start(t, c, Options{Concurrency: 1})
				put(q, span(0, 20)...)
				pass(119 * time.Second)
				synctest.Wait()
				if calls, _ := c.snapshot(); len(calls) != 1 {
					t.Fatalf("%d calls before the time", len(calls))
				}
				pass(time.Second)
				synctest.Wait()
				if s := balance(t, q, 20); s.Sent != 20 {
					t.Fatalf("%+v", s)
				}
			})
		})
	}
}

func TestOneProbeAtATimeWhileTheCollectorIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		c := &collector{answer: func(_ []int, r *http.Request) (*http.Response, error) {
			if err := after(r, 300*time.Millisecond); err != nil {
				return nil, err
			}
			if !up.Load() {
				return status(502)
			}
			return status(201)
		}}
		q, _ := start(t, c, Options{Concurrency: 6})
		put(q, span(0, 800)...)
		pass(400 * time.Millisecond)
		synctest.Wait()
		c.mu.Lock()
		burst := c.most
		c.most = 0
		c.mu.Unlock()
		pass(5 * time.Minute)
		synctest.Wait()
		calls, _ := c.snapshot()
		// Six failures at once are one: the first pause is the shortest.
		if d := calls[6].Sub(calls[0]) - 300*time.Millisecond; d > firstDown {
			t.Errorf("the first probe came after %v", d)
		}
		c.mu.Lock()
		probes := c.most
		up.Store(true)
		c.most = 0
		c.mu.Unlock()
		pass(time.Minute)
		synctest.Wait()
		if burst != 6 || probes != 1 || c.most != 6 {
			t.Errorf("at a time: %d, then %d while down, then %d", burst, probes, c.most)
		}
		if s := balance(t, q, 800); s.Sent != 800 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestHungCollectorIsGivenUpAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers atomic.Bool
		c := &collector{answer: func(_ []int, r *http.Request) (*http.Response, error) {
			if !answers.Load() {
				return nil, after(r, time.Hour)
			}
			return status(201)
		}}
		q, _ := start(t, c, Options{Concurrency: 1})
		put(q, span(0, 8)...)
		synctest.Wait()
		answers.Store(true)
		pass(timeout + firstDown)
		synctest.Wait()
		if calls, _ := c.snapshot(); len(calls) != 2 || calls[1].Sub(calls[0]) < timeout {
			t.Fatalf("%v", calls)
		}
		if s := balance(t, q, 8); s.Sent != 8 {
			t.Fatalf("%+v", s)
		}
	})
}
