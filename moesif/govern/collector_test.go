package govern

import (
	"bytes"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector serves two documents in memory, with the tags a real one has.
type collector struct {
	waits bool                                              // honours Prefer: wait; see become
	naked bool                                              // sends neither tags nor ETags
	salt  func(n int) string                                // makes the tags of the nth request differ; nil: they do not
	fails func(r *http.Request) (*http.Response, error)     // nil or (nil, nil): does not
	after func(r *http.Request, resp *http.Response, n int) // nil, or changes an answer

	mu      sync.Mutex
	config  string
	rules   string
	changed chan struct{} // closed, and replaced, with a change
	calls   []call
	busy    int // requests under way
	most    int // at a time
}

type call struct {
	at                  time.Time
	path, known, prefer string
	status              int // 0: none, or not yet
}

func newCollector() *collector {
	return &collector{config: `{"sample_rate":100}`, rules: `[]`, changed: make(chan struct{})}
}

// set changes a document; "" leaves it as it is.
func (c *collector) set(config, rules string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if config != "" {
		c.config = config
	}
	if rules != "" {
		c.rules = rules
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// become changes whether it waits, while it runs.
func (c *collector) become(waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = waits
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	n := len(c.calls)
	c.calls = append(c.calls, call{time.Now(), r.URL.Path, r.Header.Get("If-None-Match"), r.Header.Get("Prefer"), 0})
	c.busy++
	c.most = max(c.most, c.busy)
	waits := c.waits
	c.mu.Unlock()
	resp, err := c.answer(r, n, waits)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	if err == nil {
		c.calls[n].status = resp.StatusCode
	}
	return resp, err
}

func (c *collector) answer(r *http.Request, n int, waits bool) (*http.Response, error) {
	if c.fails != nil {
		if resp, err := c.fails(r); resp != nil || err != nil {
			return resp, err
		}
	}
	salt := ""
	if c.salt != nil {
		salt = c.salt(n)
	}
	known := strings.Split(strings.ReplaceAll(r.Header.Get("If-None-Match"), `"`, ""), ", ")
	body, tag, etag, h, changed := c.document(r.URL.Path, salt)
	wait := strings.TrimPrefix(r.Header.Get("Prefer"), "wait=")
	if waits && wait != "" && slices.Contains(known, tag) {
		seconds, err := strconv.Atoi(wait)
		if err != nil {
			return nil, err
		}
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-changed:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		body, tag, etag, h, _ = c.document(r.URL.Path, salt)
	}
	if waits && wait != "" {
		h.Set("Preference-Applied", "wait")
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: h, ContentLength: -1}
	if slices.Contains(known, etag) || slices.Contains(known, tag) {
		resp.StatusCode, body = http.StatusNotModified, ""
	}
	resp.Body = io.NopCloser(strings.NewReader(body))
	if c.after != nil {
		c.after(r, resp, n)
	}
	return resp, nil
}

func (c *collector) document(path, salt string) (body, tag, etag string, h http.Header, changed chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rulesTag := sum(c.rules)
	configTag := sum(c.config + rulesTag)
	h = http.Header{}
	body, tag, etag = c.config, configTag+salt, sum(c.config)
	if strings.HasSuffix(path, "/v1/rules") {
		body, tag, etag = c.rules, rulesTag+salt, rulesTag
	}
	if c.naked {
		return body, "-", "-", h, c.changed
	}
	h.Set("ETag", `"`+etag+`"`)
	h.Set("X-Moesif-Config-ETag", configTag+salt)
	h.Set("X-Moesif-Rules-Tag", rulesTag+salt)
	return body, tag, etag, h, c.changed
}

func sum(s string) string {
	h := fnv.New64a()
	io.WriteString(h, s)
	return strconv.FormatUint(h.Sum64(), 16)
}

// tags are those that a push would be answered with.
func (c *collector) tags() (config, rules string) {
	_, _, _, h, _ := c.document("", "")
	return h.Get("X-Moesif-Config-ETag"), h.Get("X-Moesif-Rules-Tag")
}

func (c *collector) snapshot() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// asked counts the requests so far for a path, "" for all.
func (c *collector) asked(path string) (n int) {
	for _, call := range c.snapshot() {
		if path == "" || call.path == path {
			n++
		}
	}
	return n
}

// rulesOf is a document of n rules.
func rulesOf(n int) string {
	var s []string
	for i := range n {
		s = append(s, `{"_id":"r`+strconv.Itoa(i)+`","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.verb","value":"GET"}]}],"response":{"status":429}}`)
	}
	return "[" + strings.Join(s, ",") + "]"
}

func status(code int, body string, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}, nil
}

// hang answers when the client has given up.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

var errBroken = errors.New("connection reset by peer")

const secretID = "the-secret-application-id"

// start runs rules against c in a bubble until the test ends, or stop is called.
func start(t testing.TB, c *collector, o Options) (r *Rules, stop func()) {
	t.Helper()
	if o.Logger == nil {
		o.Logger = (&logger{}).slog()
	}
	o.URL, o.ApplicationID, o.Transport = "http://collector.test", secretID, c
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	synctest.Wait()
	return r, stop
}

// pass lets time go by in a bubble, and what happens then happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// inForce fails the test unless there are n rules in force.
func inForce(t testing.TB, r *Rules, n int) {
	t.Helper()
	if got := r.Set().Rules(); got != n || r.Set() == nil {
		t.Fatalf("%d rules are in force (%p), want %d", got, r.Set(), n)
	}
}

// logger collects what is logged.
type logger struct {
	mu    sync.Mutex
	lines []string
}

func (l *logger) slog() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logger) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(bytes.TrimSpace(b)))
	return len(b), nil
}

func (l *logger) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// says fails the test unless there is one line for each of words, with it.
func (l *logger) says(t testing.TB, words ...string) {
	t.Helper()
	lines := l.all()
	ok := len(lines) == len(words)
	for i := 0; ok && i < len(lines); i++ {
		ok = strings.Contains(lines[i], words[i])
	}
	if !ok {
		t.Fatalf("logged %q, want lines with %q", lines, words)
	}
	for _, line := range lines {
		if strings.Contains(line, secretID) {
			t.Fatalf("the application id is in the log: %s", line)
		}
	}
}
