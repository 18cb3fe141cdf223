package govern

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
)

// once runs rules against c until they are confirmed, outside any bubble, and
// returns them as they are after the end.
func once(t *testing.T, c *collector, o Options) *Rules {
	t.Helper()
	o.URL, o.Transport = "http://collector.test", c
	if o.ApplicationID == "" {
		o.ApplicationID = secretID
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	confirmed := make(chan struct{})
	c.fails = func(*http.Request) (*http.Response, error) {
		if !r.Confirmed().IsZero() {
			close(confirmed)
			c.fails = nil
		}
		return nil, nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	<-confirmed
	cancel()
	<-done
	return r
}

func TestCacheIsInForceWhileTheCollectorIsGone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.json")
	c := newCollector()
	c.waits = true
	c.set(`{"sample_rate":42,"user_rules":{"é":[]}}`, rulesOf(3))
	once(t, c, Options{CacheFile: file})

	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, error %v", info, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(data), secretID) || !json.Valid(data) {
		t.Fatalf("error %v, the file is %s", err, data)
	}
	log := &logger{}
	r, err := New(Options{URL: "http://collector.test", ApplicationID: secretID, CacheFile: file, Logger: log.slog()})
	if err != nil {
		t.Fatal(err)
	}
	inForce(t, r, 3)
	if !r.Confirmed().IsZero() || r.Set().SampleRate(&rule.Subject{}) != 42 {
		t.Errorf("confirmed %v, sampled by %d", r.Confirmed(), r.Set().SampleRate(&rule.Subject{}))
	}
	log.says(t)
}

// What has not changed since is not sent again.
func TestCacheSavesFetching(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.json")
	c := newCollector()
	c.waits = true
	c.set("", rulesOf(3))
	once(t, c, Options{CacheFile: file})
	before := len(c.snapshot())
	once(t, c, Options{CacheFile: file})
	calls := c.snapshot()[before:]
	if len(calls) != 2 || calls[0].prefer != "wait=0" || calls[0].status != 304 || calls[1].prefer != "wait=30" {
		t.Errorf("asked %+v", calls)
	}
	c.set("", rulesOf(4))
	inForce(t, once(t, c, Options{CacheFile: file}), 4)
	r, err := New(Options{ApplicationID: secretID, CacheFile: file})
	if err != nil {
		t.Fatal(err)
	}
	inForce(t, r, 4)
}

func TestCacheThatCanNotBeReadIsAWarning(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.json")
	c := newCollector()
	c.waits = true
	c.set("", rulesOf(1))
	once(t, c, Options{CacheFile: good})
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, broken := range map[string]struct{ text, want string }{
		"empty":               {"", "unexpected end of JSON input"},
		"cut":                 {text[:len(text)/2], "unexpected end of JSON input"},
		"not JSON":            {"<html>", "invalid character"},
		"null":                {"null", "another version (0, not 1)"},
		"other version":       {strings.Replace(text, `"version":1`, `"version":2`, 1), "another version (2, not 1)"},
		"null for rules":      {strings.Replace(text, `"rules":[`, `"rules":null,"x":[`, 1), "rules: must be an array (got null)"},
		"no configuration":    {strings.Replace(text, `"config":`, `"x":`, 1), "config: scan: the document ends too early"},
		"other configuration": {strings.Replace(text, `"config":{`, `"config":[1],"x":{`, 1), "config: must be an object"},
	} {
		t.Run(name, func(t *testing.T) {
			if broken.text == text {
				t.Fatal("the file is good")
			}
			file := filepath.Join(t.TempDir(), "rules.json")
			if err := os.WriteFile(file, []byte(broken.text), 0o600); err != nil {
				t.Fatal(err)
			}
			log := &logger{}
			r, err := New(Options{ApplicationID: secretID, CacheFile: file, Logger: log.slog()})
			if err != nil || r.Set() != nil {
				t.Fatalf("%v, error %v", r.Set(), err)
			}
			log.says(t, "the cache of rules is not used")
			if line := log.all()[0]; !strings.Contains(line, broken.want) || !strings.Contains(line, "level=WARN") {
				t.Error(line)
			}
			inForce(t, once(t, c, Options{CacheFile: file}), 1) // and it is replaced
			again, err := New(Options{ApplicationID: secretID, CacheFile: file})
			if err != nil {
				t.Fatal(err)
			}
			inForce(t, again, 1)
		})
	}
}

func TestCacheOfAnotherApplicationIsNotUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.json")
	c := newCollector()
	c.waits = true
	c.set("", rulesOf(1))
	once(t, c, Options{CacheFile: file})
	log := &logger{}
	r, err := New(Options{ApplicationID: "another", CacheFile: file, Logger: log.slog()})
	if err != nil || r.Set() != nil {
		t.Fatalf("%v, error %v", r.Set(), err)
	}
	log.says(t, "it has the rules of another application")
}

func TestCacheThatCouldNotBeWrittenIsAnError(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		filepath.Join(dir, "missing", "rules.json"): "govern: rules_cache: name a file in a directory that can be written: ",
		filepath.Join(plain, "rules.json"):          "govern: rules_cache: name a file in a directory that can be written: ",
		dir:                                         "govern: rules_cache: " + dir + " is not a file: name one",
	} {
		if _, err := New(Options{ApplicationID: "a", CacheFile: file}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

func TestFailedWriteLeavesTheOldCache(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.json")
	if err := replaceFile(file, []byte("old"), []byte(" file")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(filepath.Join(dir, "taken"), []byte("x")); err == nil {
		t.Error("replaced a directory")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "old file" {
		t.Errorf("%q, error %v", data, err)
	}
}

// disk is a cache's file in memory.
type disk struct {
	full   atomic.Bool
	writes atomic.Int64 // tries
	last   string
}

func (d *disk) replace(_ string, parts ...[]byte) error {
	d.writes.Add(1)
	if d.full.Load() {
		return errors.New("no space left on device")
	}
	d.last = ""
	for _, part := range parts {
		d.last += string(part)
	}
	return nil
}

// cachedRules runs rules with a cache in memory.
func cachedRules(t *testing.T, c *collector, d *disk, log *logger) (stop func()) {
	t.Helper()
	r, err := New(Options{ApplicationID: secretID, Transport: c, Logger: log.slog()})
	if err != nil {
		t.Fatal(err)
	}
	r.cache = &cache{path: "rules.json", owner: "me", logger: log.slog(), replace: d.replace}
	ctx, cancel := context.WithCancel(t.Context())
	go r.Run(ctx)
	synctest.Wait()
	return func() {
		cancel()
		synctest.Wait()
	}
}

func TestCacheIsNotWrittenAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d := newCollector(), &disk{}
		c.waits = true
		stop := cachedRules(t, c, d, &logger{})
		if d.writes.Load() != 1 {
			t.Fatalf("written %d times", d.writes.Load())
		}
		pass(time.Hour)
		if d.writes.Load() != 1 {
			t.Fatalf("written %d times", d.writes.Load())
		}
		for i := range 60 {
			c.set("", rulesOf(i+1))
			pass(time.Second)
		}
		if n := d.writes.Load(); n < 5 || n > 8 {
			t.Errorf("written %d times in a minute of changes", n)
		}
		pass(time.Minute)
		for n := 68; n <= 70; n++ {
			c.set("", rulesOf(n))
			pass(time.Second)
		}
		stop()
		if !strings.Contains(d.last, `"r69"`) {
			t.Error("the last change is not there after the end")
		}
		if p, err := (&cache{owner: "me"}).decode([]byte(d.last)); err != nil || len(p.rules.value) != 70 {
			t.Errorf("%+v, error %v", p, err)
		}
	})
}

func TestFullDiskIsLoggedOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, log := newCollector(), &disk{}, &logger{}
		d.full.Store(true)
		c.waits = true
		stop := cachedRules(t, c, d, log)
		defer stop()
		pass(time.Hour)
		log.says(t, "the cache of rules can not be written")
		if n := d.writes.Load(); n < 60 || n > 400 {
			t.Errorf("tried %d times in an hour", n)
		}
		d.full.Store(false)
		pass(time.Minute)
		log.says(t, "the cache of rules can not be written", "is written again")
	})
}

func TestWithoutACacheNoBytesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := start(t, newCollector(), Options{})
		if r.held.config.raw != nil || r.held.rules.raw != nil {
			t.Error("the documents are kept")
		}
	})
}

// What is kept of large documents is a fraction of them.
func TestDocumentsAreKeptCompressed(t *testing.T) {
	var config strings.Builder
	config.WriteString(`{"user_rules":{"nobody":[]`)
	for i := range 5000 {
		fmt.Fprintf(&config, `,"user-%d":[{"rules":"64ca0f2b91d5a3c7e8b4%04d","values":{"0":"plan %d"}}]`, i, i%7, i%10)
	}
	config.WriteString(`}}`)
	file := filepath.Join(t.TempDir(), "rules.json")
	c := newCollector()
	c.waits = true
	c.set(config.String(), rulesOf(3))
	r := once(t, c, Options{CacheFile: file})
	if n := len(r.held.config.raw); n == 0 || n > config.Len()/3 || cap(r.held.config.raw) > 2*n {
		t.Errorf("%d bytes (room for %d) are kept of %d", n, cap(r.held.config.raw), config.Len())
	}
	if raw, err := r.held.config.raw.bytes(); err != nil || string(raw) != config.String() {
		t.Errorf("%d bytes of %d came back, error %v", len(raw), config.Len(), err)
	}
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), config.String()) {
		t.Errorf("the file has %d bytes and not the configuration, error %v", len(data), err)
	}
}

// When only the rules change, what is known of customers stays as it is.
func TestOnlyRulesChangeAndCustomersStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.waits = true
		r, stop := start(t, c, Options{})
		c.set(`{"user_sample_rate":{"u":7}}`, rulesOf(1))
		pass(time.Second)
		inForce(t, r, 1)
		before := r.held.config.value
		c.set("", rulesOf(2))
		pass(time.Second)
		inForce(t, r, 2)
		stop()
		if rate := r.Set().SampleRate(&rule.Subject{UserID: "u"}); rate != 7 || r.held.config.value != before {
			t.Errorf("rate %d, read again: %v", rate, r.held.config.value != before)
		}
	})
}

func FuzzCache(f *testing.F) {
	f.Add([]byte(`{"version":1,"application":"me","config_tag":"a","rules_tag":"b","config":{"sample_rate":1},"rules":[{"_id":"r"}]}`))
	f.Add([]byte(`{"version":1,"application":"me","config_etag":"W/\"x\"","config":{},"rules":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := (&cache{owner: "me"}).decode(data)
		if err != nil {
			return
		}
		d := &disk{}
		c := &cache{owner: "me", replace: d.replace}
		if err := c.write(p); err != nil {
			t.Fatal(err)
		}
		again, err := c.decode([]byte(d.last))
		if err != nil || again.config.sum != p.config.sum || again.rules.sum != p.rules.sum || again.config.etag != p.config.etag {
			t.Fatalf("%s became %s, error %v", data, d.last, err)
		}
		p.config.value.Compile(p.rules.value, rule.Options{})
	})
}
