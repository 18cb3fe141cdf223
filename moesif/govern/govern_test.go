package govern

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
)

func TestBothDocumentsAreFetchedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		c.set("", rulesOf(2))
		var first http.Header
		c.fails = func(r *http.Request) (*http.Response, error) {
			if first == nil {
				first = r.Header.Clone()
			}
			return nil, nil
		}
		r, _ := start(t, c, Options{UserAgent: "gatemeter/7"})
		inForce(t, r, 2)
		if got := r.Confirmed(); !got.Equal(time.Now()) {
			t.Errorf("confirmed at %v", got)
		}
		calls := c.snapshot()
		if len(calls) != 3 || calls[0].path != "/v1/config" || calls[1].path != "/v1/rules" || calls[2].path != "/v1/config" {
			t.Fatalf("asked %+v", calls)
		}
		if calls[0].known != "" || calls[0].prefer != "wait=30" || calls[1].prefer != "" {
			t.Errorf("asked %+v", calls)
		}
		tag, _ := c.tags()
		if want := `"` + tag + `", "` + sum(c.config) + `"`; calls[2].known != want {
			t.Errorf("If-None-Match: %s, want %s", calls[2].known, want)
		}
		for name, want := range map[string]string{
			"X-Moesif-Application-Id": secretID, "User-Agent": "gatemeter/7", "Accept": "application/json",
		} {
			if got := first.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
}

func TestWithoutAnyAnswerThereAreNoRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.fails = hang
		r, _ := start(t, c, Options{})
		pass(time.Minute)
		d := r.Set().Decide(&rule.Subject{Verb: "GET", Route: "/"})
		if r.Set() != nil || !d.IsZero() || !r.Confirmed().IsZero() || r.Set().SampleRate(&rule.Subject{}) != 100 {
			t.Errorf("%v, confirmed %v", r.Set(), r.Confirmed())
		}
	})
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "govern: application_id is missing"},
		{Options{ApplicationID: "a", URL: "collector.test"}, `govern: collector_url must be like https://api.moesif.net (got "collector.test")`},
		{Options{ApplicationID: "a", URL: "ftp://me:secret@collector.test"}, `govern: collector_url must be like https://api.moesif.net (got "ftp://me:xxxxx@collector.test")`},
	} {
		if _, err := New(c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestOnlyOneRunAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		r, _ := start(t, c, Options{})
		r.Run(t.Context()) // returns
		for range 50 {
			c.set("", rulesOf(1))
			pass(2 * time.Second)
			c.set("", rulesOf(2))
			r.Saw("x", "y")
			pass(2 * time.Second)
		}
		if c.most != 1 {
			t.Errorf("%d requests at a time", c.most)
		}
	})
}

func TestEndOfTheContextEndsEverything(t *testing.T) {
	for name, prepare := range map[string]func(c *collector){
		"long poll": func(c *collector) { c.waits = true },
		"poll":      func(*collector) {},
		"hang":      func(c *collector) { c.fails = hang },
		"back-off":  func(c *collector) { c.fails = func(*http.Request) (*http.Response, error) { return nil, errBroken } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCollector()
				prepare(c)
				log := &logger{}
				_, stop := start(t, c, Options{Logger: log.slog()})
				pass(time.Second)
				before, lines := time.Now(), len(log.all())
				stop()
				if took := time.Since(before); took != 0 {
					t.Errorf("took %v", took)
				}
				if log := log.all(); len(log) != lines {
					t.Errorf("logged %q at the end", log)
				}
				asked := c.asked("")
				pass(time.Hour)
				if c.asked("") != asked {
					t.Error("asked after the end")
				}
			})
		})
	}
}

func TestRunMayBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		r, stop := start(t, c, Options{})
		stop()
		c.set("", rulesOf(3))
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		synctest.Wait()
		inForce(t, r, 3)
		cancel()
		synctest.Wait()
	})
}

func TestOddConfigurationsDoNoHarm(t *testing.T) {
	for _, config := range []string{
		`{}`,
		`{"sample_rate":-5,"user_sample_rate":{"u":500},"company_sample_rate":null}`,
		`{"sample_rate":100000,"user_rules":null,"company_rules":{"a":null,"b":[{"rules":"nowhere"}]},"regex_config":null}`,
		`{"user_rules":{"u":[{"rules":"r0","values":null}]},"ip_addresses_blocked_by_name":{"x":"not an address"},"billing_config_jsons":null}`,
		`{"sample_rate":null,"new":{"a":[1]},"regex_config":[{"conditions":null,"sample_rate":-1}]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCollector()
			c.set(config, rulesOf(1))
			r, _ := start(t, c, Options{Compile: rule.Options{BlockListedIPs: true}})
			inForce(t, r, 1)
			s := &rule.Subject{UserID: "u", CompanyID: "a", Verb: "POST", Route: "/", IP: "1.2.3.4"}
			r.Set().Decide(s)
			if rate := r.Set().SampleRate(s); rate < 0 || rate > 100 {
				t.Errorf("%s: a rate of %d", config, rate)
			}
		})
	}
}

func TestDebugSaysWhatWasFetchedAndHow(t *testing.T) {
	for waits, mode := range map[bool]string{true: "mode=waits", false: "mode=polls"} {
		synctest.Test(t, func(t *testing.T) {
			c := newCollector()
			c.waits = waits
			c.set(`{"user_rules":{"a":[],"b":[]},"company_rules":{"c":[]}}`, rulesOf(2))
			log := &logger{}
			_, stop := start(t, c, Options{Logger: log.slog(), Debug: true})
			stop()
			log.says(t, "document=v1/config status=200", mode, "document=v1/rules status=200", "rules=2 users=2 companies=1")
		})
	}
}

func TestFaultyRulesAreLoggedOncePerChange(t *testing.T) {
	broken := func(id string) string {
		return `{"_id":"` + id + `","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.verb","value":"("}]}]}`
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		c.set("", "["+broken("bad")+"]")
		log := &logger{}
		r, _ := start(t, c, Options{Logger: log.slog()})
		if len(r.Set().Problems()) != 1 {
			t.Fatalf("%v", r.Set().Problems())
		}
		log.says(t, "rule=bad")
		c.set(`{"sample_rate":50}`, "") // another set with the same fault
		pass(time.Minute)
		log.says(t, "rule=bad")
		c.set("", "["+broken("bad")+","+broken("worse")+"]")
		pass(time.Minute)
		log.says(t, "rule=bad", "rule=worse")

		many := []string{}
		for range 3 * maxFaults {
			many = append(many, broken("r"+string(rune('a'+len(many)%26))+strings.Repeat("x", len(many))))
		}
		c.set("", "["+strings.Join(many, ",")+"]")
		pass(time.Minute)
		if lines := log.all(); len(lines) != 2+maxFaults+1 {
			t.Errorf("%d lines", len(lines))
		}
	})
}
