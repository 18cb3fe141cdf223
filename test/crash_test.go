package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// perDirectory is how many runs share a data directory before all is counted.
const perDirectory = 25

// The platform dies at random moments, under load, with a torn last write.
func TestCrashesLoseNothingAcknowledgedAndCountNothingTwice(t *testing.T) {
	crashRuns(t, 1, 6, []string{"kill", "torn"})
}

// crashRuns makes runs of the platform, each with an end that the seed decides.
func crashRuns(t *testing.T, seed uint64, runs int, ends []string) {
	t.Helper()
	begun := time.Now()
	rng := rand.New(rand.NewPCG(seed, 0))
	made := map[string]int{}
	var sent, acked int
	for done := 0; done < runs; {
		c := openCrash(t, rng)
		for range min(perDirectory, runs-done) {
			end := ends[rng.IntN(len(ends))]
			made[c.run(t, end)]++
			done++
			if t.Failed() {
				t.Fatalf("run %d of seed %d, which ended with %s", done, seed, end)
			}
		}
		c.check(t)
		s, a := c.figures()
		sent, acked = sent+s, acked+a
		if t.Failed() {
			t.Fatalf("after run %d of seed %d; the data is in %s", done, seed, c.dir)
		}
		if err := os.RemoveAll(c.dir); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d runs: nothing lost, nothing twice", done)
	}
	t.Logf("%d runs in %.0f s: %v; of %d events %d were acknowledged before the end came", runs, time.Since(begun).Seconds(), made, sent, acked)
}

// crash is a data directory whose platform dies again and again.
type crash struct {
	rng   *rand.Rand
	dir   string
	url   string
	appID string
	n     int // of the next event

	mu       sync.Mutex
	pending  []post // not acknowledged
	answered []post // acknowledged
}

// post is one request, which may be sent again as it is.
type post struct {
	path, body string
	events     []string // their addresses
	again      bool     // is known again when it comes again
}

func openCrash(t *testing.T, rng *rand.Rand) *crash {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatemeter-crash")
	if err != nil {
		t.Fatal(err)
	}
	return &crash{rng: rng, dir: dir, url: "http://127.0.0.1:" + strconv.Itoa(freePort(t)), appID: strings.Repeat("a", 50) + strconv.Itoa(rng.IntN(1e9))}
}

// next makes a request of new events.
func (c *crash) next(rng *rand.Rand) post {
	p := post{path: "/v1/events/batch", again: true}
	ids := rng.IntN(2) == 0
	single := rng.IntN(8) == 0
	n := 1 + rng.IntN(12)
	if single {
		n, p.path, p.again = 1, "/v1/events", ids
	}
	var items []string
	at := time.Now().UTC().Format(time.RFC3339Nano)
	for range n {
		c.n++
		address := fmt.Sprintf("/e/%d", c.n)
		id := ""
		if ids {
			id = fmt.Sprintf(`,"transaction_id":"id-%d"`, c.n)
		}
		items = append(items, fmt.Sprintf(`{"request":{"time":%q,"uri":%q,"verb":"GET","headers":{},"body":{"n":%d}},"response":{"time":%q,"status":200},"user_id":"u%d"%s}`, at, address, c.n, at, c.n%7, id))
		p.events = append(p.events, address)
	}
	if p.body = items[0]; !single {
		p.body = "[" + strings.Join(items, ",") + "]"
	}
	return p
}

// start starts the platform; it may die before it answers.
func (c *crash) start(t *testing.T, env ...string) (cmd *exec.Cmd, exited chan struct{}, out *bytes.Buffer) {
	t.Helper()
	out = &bytes.Buffer{}
	cmd = exec.Command(binary, "platform", "--data", c.dir, "--listen", strings.TrimPrefix(c.url, "http://"))
	cmd.Env = append(os.Environ(), append(env, "GATEMETER_ADMIN_TOKEN="+adminToken, "GATEMETER_APPLICATION_ID="+c.appID)...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited = make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	return cmd, exited, out
}

// ready waits until the platform answers, or has ended.
func (c *crash) ready(t *testing.T, exited chan struct{}, out *bytes.Buffer) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := http.Get(c.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-exited:
			return false
		case <-ctx.Done():
			t.Fatal("the platform does not get ready")
		case <-tick.C:
		}
	}
}

// run starts the platform, loads it, and lets it die. It returns how that came.
func (c *crash) run(t *testing.T, end string) (how string) {
	t.Helper()
	var env []string
	if name, ok := strings.CutPrefix(end, "failpoint "); ok {
		times := 1 + c.rng.IntN(4)
		if strings.HasPrefix(name, "load.trim") || strings.HasPrefix(name, "events.join") {
			times = 1 // there is one soon, and the next one late
		}
		env = append(env, fmt.Sprintf("GATEMETER_FAILPOINT=%s:%d", name, times))
	}
	cmd, exited, out := c.start(t, env...)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	if c.ready(t, exited, out) {
		posts := make(chan post)
		load := rand.New(rand.NewPCG(c.rng.Uint64(), 0))
		wg.Go(func() { c.feed(load, posts, stop) })
		for range 3 {
			wg.Go(func() {
				for p := range posts {
					c.send(p)
				}
			})
		}
	} else if !strings.HasPrefix(end, "failpoint ") {
		t.Errorf("the platform ended by itself:\n%s", tail(out.String()))
	}
	patience := time.Duration(20+c.rng.IntN(400)) * time.Millisecond
	switch {
	case len(env) > 0:
		patience = time.Second // it dies by itself, or there was no such moment
	case end == "full":
		limitFiles(t, cmd, 32<<10+uint64(c.rng.IntN(1<<18)))
		waitFor(exited, patience)
		limitFiles(t, cmd, unix.RLIM_INFINITY)
		patience = time.Duration(c.rng.IntN(1500)) * time.Millisecond
	}
	how = end
	if died := waitFor(exited, patience); died && len(env) == 0 {
		t.Errorf("the platform ended by itself:\n%s", tail(out.String()))
	} else if !died && len(env) > 0 {
		how = "kill" // there was no such moment
	}
	if err := cmd.Process.Kill(); err == nil {
		<-exited
	}
	close(stop)
	wg.Wait()
	if end == "torn" {
		c.tear(t)
	}
	return how
}

// waitFor waits for an end, and reports whether there was one.
func waitFor(exited chan struct{}, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-exited:
		return true
	case <-timer.C:
		return false
	}
}

// limitFiles says how large a file of a running platform may get.
func limitFiles(t *testing.T, cmd *exec.Cmd, bytes uint64) {
	t.Helper()
	var before unix.Rlimit
	err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &before)
	if err == nil {
		err = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(bytes, before.Max), Max: before.Max}, nil)
	}
	if err != nil {
		t.Error(err)
	}
}

// feed hands out new requests, and old ones: those that were not acknowledged, and
// some that were.
func (c *crash) feed(rng *rand.Rand, posts chan<- post, stop chan struct{}) {
	defer close(posts)
	for {
		c.mu.Lock()
		var p post
		switch k := rng.IntN(4); {
		case k == 0 && len(c.pending) > 0:
			p = c.pending[0]
			c.pending = c.pending[1:]
		case k == 1 && len(c.answered) > 0:
			if p = c.answered[rng.IntN(len(c.answered))]; !p.again {
				p = c.next(rng)
			}
		default:
			p = c.next(rng)
		}
		c.mu.Unlock()
		select {
		case posts <- p:
		case <-stop:
			c.mu.Lock()
			c.pending = append(c.pending, p) // it may come again, though it never came
			c.mu.Unlock()
			return
		}
	}
}

func (c *crash) send(p post) bool {
	status, err := c.post(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && status == http.StatusCreated {
		c.answered = append(c.answered, p)
		return true
	}
	if p.again { // a single event without an id is another one when it comes again
		c.pending = append(c.pending, p)
	}
	return false
}

func (c *crash) post(p post) (int, error) {
	req, err := http.NewRequest(http.MethodPost, c.url+p.path, strings.NewReader(p.body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Moesif-Application-Id", c.appID)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode, err
}

// tear leaves behind the journal's newest log what the beginning of a write that was
// never acknowledged could be.
func (c *crash) tear(t *testing.T) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(c.dir, "journal", "*.log"))
	if err != nil || len(logs) == 0 {
		return
	}
	slices.Sort(logs)
	f, err := os.OpenFile(logs[len(logs)-1], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	// The record that came last, again, as far as the write came.
	torn := make([]byte, min(size, int64(1+c.rng.IntN(3000))))
	if _, err := f.ReadAt(torn, size-int64(len(torn))); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(torn[:c.rng.IntN(len(torn)+1)], size); err != nil {
		t.Fatal(err)
	}
}

// check starts the platform once more, sends what was never acknowledged, and looks
// for every event.
func (c *crash) check(t *testing.T) {
	t.Helper()
	cmd, exited, out := c.start(t)
	if !c.ready(t, exited, out) {
		t.Fatalf("the platform ended by itself:\n%s", tail(out.String()))
	}
	again := c.pending
	c.pending = nil
	for _, p := range again {
		if !c.send(p) {
			t.Errorf("a request is not taken: %s", tail(out.String()))
		}
	}
	api := platformAPI{url: c.url}
	var p books
	eventually(t, time.Minute, "all is in the store", func() bool {
		p = api.pipeline(t)
		return p.InFlight == 0
	})
	if err := p.balance(); err != nil {
		t.Error(err)
	}
	found := map[string]int{}
	for cursor := ""; ; {
		var list struct {
			Events []struct{ Request struct{ URI string } }
			Next   string
		}
		api.get(t, "/api/v1/events?limit=1000&cursor="+cursor, &list)
		for _, e := range list.Events {
			found[e.Request.URI]++
		}
		if cursor = list.Next; cursor == "" {
			break
		}
	}
	for _, p := range c.answered {
		for _, address := range p.events {
			if found[address] != 1 {
				t.Errorf("%s was acknowledged and is there %d times", address, found[address])
			}
		}
	}
	for address, n := range found {
		if n > 1 {
			t.Errorf("%s is there %d times", address, n)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-exited
	if text, err := exec.Command(binary, "verify", "--data", c.dir).CombinedOutput(); err != nil {
		t.Errorf("gatemeter verify: %v\n%s", err, text)
	}
}

// figures are the events that were made, and those that were acknowledged.
func (c *crash) figures() (made, acked int) {
	seen := map[string]bool{}
	for _, p := range c.answered {
		for _, address := range p.events {
			seen[address] = true
		}
	}
	return c.n, len(seen)
}
