package limit

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// patience is how long a test waits for what must happen before it gives up.
const patience = 10 * time.Second

// server is a Redis of a test's own.
type server struct {
	address string
	client  rueidis.Client
	stop    func() // once
}

// newServer starts Redis on a free port, with a password when it is not "" and more
// arguments, and stops it with the test.
func newServer(t testing.TB, password string, more ...string) *server {
	t.Helper()
	return serverAt(t, freeAddress(t), password, more...)
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func serverAt(t testing.TB, address, password string, more ...string) *server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("the tests of quotas need redis-server (deploy/need.sh redis)")
	}
	_, port, _ := net.SplitHostPort(address)
	args := append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, more...)
	if password != "" {
		args = append(args, "--requirepass", password)
	}
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{address: address}
	s.stop = sync.OnceFunc(func() {
		if s.client != nil {
			s.client.Close()
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(s.stop)
	settles(t, "Redis answers", func() bool {
		s.client, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, Password: password, ForceSingleClient: true, DisableCache: true})
		return err == nil
	})
	return s
}

// settles waits until so is true.
func settles(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not so: %s", what)
		}
	}
}

func redisOf(t testing.TB, address, password string) *Redis {
	t.Helper()
	r := NewRedis(&config.Redis{Addresses: []string{address}, Password: password, DialTimeout: time.Second, Timeout: patience}, nil)
	t.Cleanup(r.Close)
	return r
}

// keys lists what is in the server.
func (s *server) keys(t testing.TB) []string {
	t.Helper()
	keys, err := s.client.Do(t.Context(), s.client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func processorOf(h *hand, redis *Redis, limits ...config.QuotaLimit) *Processor {
	return NewProcessor(&config.Processor{Name: "q", Rules: []config.QuotaRule{{Name: "r", Limits: limits}}}, redis,
		&Options{Now: h.now, Logger: slog.New(slog.DiscardHandler)})
}

// inBoth runs a test with a processor in memory and with one in Redis.
func inBoth(t *testing.T, f func(t *testing.T, redis *Redis)) {
	t.Run("memory", func(t *testing.T) { f(t, nil) })
	t.Run("redis", func(t *testing.T) { f(t, redisOf(t, newServer(t, "").address, "")) })
}

// use charges n for a client, and fails the test where it can't be counted.
func (p *Processor) use(t testing.TB, key string, n int64, force bool) (bool, []int64) {
	t.Helper()
	c := p.charge(p.rules["r"], key)
	c.n, c.force = n, force
	ok, err := p.count(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return ok, c.used
}

func TestSeveralLimitsCountAllOrNone(t *testing.T) {
	inBoth(t, func(t *testing.T, redis *Redis) {
		h := &hand{}
		p := processorOf(h, redis, config.QuotaLimit{Amount: 2, Unit: "minute"}, config.QuotaLimit{Amount: 3, Unit: "day"})
		for i, step := range []struct {
			after time.Duration
			n     int64
			force bool
			ok    bool
			used  string
		}{
			{0, 1, false, true, "[1 1]"},
			{0, 1, false, true, "[2 2]"},
			{0, 1, false, false, "[2 2]"},           // the minute is used up: nothing is taken from the day
			{time.Minute, 2, false, false, "[0 2]"}, // of both there would be one too many in the day
			{0, 1, false, true, "[1 3]"},
			{0, 1, false, false, "[1 3]"},
			{0, 5, true, true, "[6 8]"},
			{0, -2, true, true, "[4 6]"},
			{24 * time.Hour, 1, false, true, "[1 1]"},
		} {
			h.move(step.after)
			if ok, used := p.use(t, "somebody", step.n, step.force); ok != step.ok || fmt.Sprint(used) != step.used {
				t.Errorf("step %d: %v %v, want %v %v", i, ok, used, step.ok, step.used)
			}
		}
		if ok, used := p.use(t, "somebody else", 1, false); !ok || used[1] != 1 {
			t.Errorf("another client: %v %v", ok, used)
		}
	})
}

func TestConcurrentUseNeverExceedsALimit(t *testing.T) {
	inBoth(t, func(t *testing.T, redis *Redis) {
		h := &hand{}
		p := processorOf(h, redis, config.QuotaLimit{Amount: 50, Unit: "hour"}, config.QuotaLimit{Amount: 40, Unit: "day"})
		p.use(t, "a", 1, false) // connected
		var passed atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					c := p.charge(p.rules["r"], "a")
					if ok, err := p.count(context.Background(), c); ok && err == nil {
						passed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if n := passed.Load(); n != 39 {
			t.Errorf("%d calls pass after the first, want 39", n)
		}
	})
}

func TestKeysInRedisEndWithTheirWindow(t *testing.T) {
	s := newServer(t, "")
	h := &hand{}
	p := processorOf(h, redisOf(t, s.address, ""), config.QuotaLimit{Amount: 9, Unit: "minute"}, config.QuotaLimit{Amount: 9, Unit: "month"})
	p.use(t, "somebody", 1, false)
	for _, key := range s.keys(t) {
		left, err := s.client.Do(t.Context(), s.client.B().Pttl().Key(key).Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		unit := strings.Split(key, "}:")[1]
		name, _, _ := strings.Cut(unit, ":")
		_, end := window(name, h.now())
		want := end.Sub(h.now()) + graceOfKeys
		if got := time.Duration(left) * time.Millisecond; got > want || got < want-patience {
			t.Errorf("%s ends in %v, want %v", key, got, want)
		}
	}
	if n := len(s.keys(t)); n != 2 {
		t.Errorf("%d keys, want one a limit: %q", n, s.keys(t))
	}
}

// What a client says stays in its place, and long or hashed keys are not kept.
func TestKeysInRedisAreEscapedOrHashed(t *testing.T) {
	s := newServer(t, "")
	redis := redisOf(t, s.address, "")
	const sum = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b" // of secret
	for _, tt := range []struct {
		key  string
		hash bool
		want string
	}{
		{"a}:day:1 {x\r\n", false, "{q:r:a%7D%3Aday%3A1+%7Bx%0D%0A}:"},
		{"=" + sum, false, "{q:r:%3D" + sum + "}:"},
		{"secret", true, "{q:r:=" + sum + "}:"},
		{strings.Repeat("long", 1000), false, "{q:r:="},
	} {
		h := &hand{}
		p := processorOf(h, redis, config.QuotaLimit{Amount: 9, Unit: "day"})
		p.hash = tt.hash
		p.use(t, tt.key, 1, false)
		keys := s.keys(t)
		if len(keys) != 1 || !strings.HasPrefix(keys[0], "gatemeter:quota:"+tt.want) || len(keys[0]) > 4*longestKey {
			t.Errorf("%.20q: keys are %q", tt.key, keys)
		}
		if err := s.client.Do(t.Context(), s.client.B().Flushall().Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWrongPasswordIsAnErrorWithoutIt(t *testing.T) {
	s := newServer(t, "right-secret")
	for password, works := range map[string]bool{"right-secret": true, "wrong-secret": false} {
		h := &hand{}
		p := processorOf(h, redisOf(t, s.address, password), config.QuotaLimit{Amount: 9, Unit: "day"})
		_, err := p.count(context.Background(), p.charge(p.rules["r"], "k"))
		if (err == nil) != works {
			t.Errorf("%s: %v", password, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

// Without Redis counting fails, fast, and works again once Redis is back.
func TestRedisMayComeLateAndGo(t *testing.T) {
	address := freeAddress(t)
	h := &hand{}
	r := redisOf(t, address, "")
	p := processorOf(h, r, config.QuotaLimit{Amount: 1000, Unit: "day"})
	counts := func() bool {
		_, err := p.count(t.Context(), p.charge(p.rules["r"], "k"))
		return err == nil
	}
	for range 100 { // after the first none of them waits
		if counts() {
			t.Fatal("counted without Redis")
		}
	}
	s := serverAt(t, address, "")
	settles(t, "Redis is found", counts)
	s.stop()
	if counts() {
		t.Error("counted after Redis has gone")
	}
	serverAt(t, address, "")
	settles(t, "Redis is found again", counts)
	r.Close()
	if counts() {
		t.Error("counted after Close")
	}
}

// Calls that come while the first one connects wait for it.
func TestTheFirstCallsWaitForTheConnection(t *testing.T) {
	h := &hand{}
	p := processorOf(h, redisOf(t, newServer(t, "").address, ""), config.QuotaLimit{Amount: 1000, Unit: "day"})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := p.count(t.Context(), p.charge(p.rules["r"], "k")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// All keys of a client are in one slot, so that a cluster can count them in one script.
func TestAClusterCounts(t *testing.T) {
	s := newServer(t, "", "--cluster-enabled", "yes")
	if err := s.client.Do(t.Context(), s.client.B().Arbitrary("CLUSTER", "ADDSLOTSRANGE", "0", "16383").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	r := NewRedis(&config.Redis{Addresses: []string{s.address}, Cluster: true, DialTimeout: patience, Timeout: patience}, nil)
	t.Cleanup(r.Close)
	h := &hand{}
	p := processorOf(h, r, config.QuotaLimit{Amount: 1, Unit: "minute"}, config.QuotaLimit{Amount: 5, Unit: "day"}, config.QuotaLimit{Amount: 9, Unit: "year"})
	settles(t, "the cluster is up", func() bool {
		_, err := p.count(t.Context(), p.charge(p.rules["r"], "first"))
		return err == nil
	})
	for _, want := range []bool{true, false} {
		if ok, used := p.use(t, "k", 1, false); ok != want || fmt.Sprint(used) != "[1 1 1]" {
			t.Errorf("%v %v", ok, used)
		}
	}
}

func TestAFailureIsTriedAgainAndLoggedOnce(t *testing.T) {
	for _, tt := range []struct {
		fails, retries int
		ok             bool
	}{{0, 0, true}, {1, 0, false}, {1, 1, true}, {3, 2, false}, {3, 3, true}} {
		var log strings.Builder
		h := &hand{}
		p := NewProcessor(&config.Processor{Name: "q", Rules: []config.QuotaRule{{Name: "r"}}, Retries: tt.retries, Backoff: "exponential"}, nil,
			&Options{Now: h.now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for range 2 {
			p.counter = &failing{left: tt.fails}
			if ok, err := p.count(context.Background(), p.charge(p.rules["r"], "k")); ok != tt.ok || (err == nil) != tt.ok {
				t.Errorf("%+v: %v, %v", tt, ok, err)
			}
		}
		lines := strings.Count(log.String(), "a quota can't be counted")
		if want := map[bool]int{true: 0, false: 1}[tt.ok]; lines != want {
			t.Errorf("%+v: logged %d times, want %d:\n%s", tt, lines, want, log.String())
		}
	}
	for try, want := range []time.Duration{10, 20, 40, 80} {
		if d := pause("exponential", try); d != want*time.Millisecond {
			t.Errorf("exponential %d: %v", try, d)
		}
		if d := pause("exponential-jitter", try); d < want*time.Millisecond/2 || d >= want*time.Millisecond {
			t.Errorf("exponential-jitter %d: %v", try, d)
		}
	}
	if d := pause("linear", 3); d != 40*time.Millisecond {
		t.Errorf("linear: %v", d)
	}
	if d := pause("linear-jitter", 3); d < 20*time.Millisecond || d >= 40*time.Millisecond {
		t.Errorf("linear-jitter: %v", d)
	}
	for _, strategy := range []string{"", "fallback"} { // the reference does not say how it grows
		if d := pause(strategy, 3); d != 10*time.Millisecond {
			t.Errorf("%q: %v", strategy, d)
		}
	}
}

// failing fails so often, then counts.
type failing struct{ left int }

func (f *failing) count(context.Context, *charge) (bool, error) {
	if f.left > 0 {
		f.left--
		return false, fmt.Errorf("%d more", f.left)
	}
	return true, nil
}
