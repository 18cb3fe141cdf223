package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLoggerFollowsLevelAndPrefix(t *testing.T) {
	for _, c := range []struct {
		level string
		want  []string // levels that are written
	}{
		{"", []string{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}},
		{"info", []string{"INFO", "WARNING", "ERROR", "CRITICAL"}},
		{"WARNING", []string{"WARNING", "ERROR", "CRITICAL"}},
		{"ERROR", []string{"ERROR", "CRITICAL"}},
		{"CRITICAL", []string{"CRITICAL"}},
	} {
		var out bytes.Buffer
		l := Logger(config.Logging{Level: c.level, Prefix: "[GATE]", Set: true}, &out).With("a", 1).WithGroup("g")
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, LevelCritical} {
			l.Log(context.Background(), level, "hello", "b", 2)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != len(c.want) {
			t.Fatalf("%q: got %q", c.level, lines)
		}
		for i, level := range c.want {
			if !strings.Contains(lines[i], "level="+level+` msg="[GATE] hello" a=1 g.b=2`) {
				t.Errorf("%q: line %d is %s", c.level, i, lines[i])
			}
		}
	}
}

// Who asks for neither stdout nor syslog gets standard error; without the block it is
// standard output.
func TestLogGoesToStandardErrorUnlessStdoutIsAskedFor(t *testing.T) {
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	stdout, stderr := os.Stdout, os.Stderr
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	for _, c := range []struct {
		log config.Logging
		out string
	}{
		{config.Logging{Level: "INFO"}, "stdout"},
		{config.Logging{Level: "INFO", Set: true, Stdout: true}, "stdout"},
		{config.Logging{Level: "INFO", Set: true}, "stderr"},
	} {
		os.Stdout, os.Stderr = open("stdout"), open("stderr")
		Logger(c.log, os.Stdout).Info("hello")
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			text, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			if told := strings.Contains(string(text), "hello"); told != (filepath.Base(f.Name()) == c.out) {
				t.Errorf("%+v: %s has %q", c.log, filepath.Base(f.Name()), text)
			}
		}
	}
}

// stuck is a log's destination that takes nothing until it is opened.
type stuck struct {
	slog.Handler
	reached chan struct{}
	open    chan struct{}
	once    sync.Once
	mu      sync.Mutex
	lines   int
	warned  bool
}

func (s *stuck) Enabled(context.Context, slog.Level) bool { return true }

func (s *stuck) Handle(_ context.Context, r slog.Record) error {
	s.once.Do(func() { close(s.reached) })
	<-s.open
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines++
	s.warned = s.warned || r.Level == slog.LevelWarn
	return errors.New("ignored")
}

func TestAccessLogNeverBlocksAndCountsWhatItDrops(t *testing.T) {
	s := &stuck{Handler: slog.DiscardHandler, reached: make(chan struct{}), open: make(chan struct{})}
	a := NewAccess(slog.New(s), config.AccessLog{}, nil)
	a.Log(nil, Line{Method: "GET", Path: "/first", Status: 200})
	<-s.reached
	for range maxAccess + 7 { // nobody reads: this ends because nothing blocks
		a.Log(nil, Line{Method: "GET", Path: "/more", Time: time.Now()})
	}
	a.mu.Lock()
	dropped := a.dropped
	a.mu.Unlock()
	if dropped != 7 {
		t.Errorf("%d dropped", dropped)
	}
	close(s.open)
	a.Close()
	if s.lines != 1+maxAccess+1 || !s.warned {
		t.Errorf("%d lines written, warned: %v", s.lines, s.warned)
	}
}

func TestAccessLogIsOffWhereTheLevelIsHigher(t *testing.T) {
	a := NewAccess(Logger(config.Logging{Level: "ERROR"}, &bytes.Buffer{}), config.AccessLog{}, nil)
	if a != nil {
		t.Error("it is on")
	}
	a.Log(nil, Line{})
	a.Close()
}

func TestCountsTakeOddStatuses(t *testing.T) {
	m := NewMetrics(nil)
	r := m.Route("GET", "/a")
	for _, status := range []int{-1, 0, 200, 599, 600, 999} {
		m.Begin()
		m.End(r, status, 1, time.Millisecond)
	}
	got := map[int]int64{}
	r.each(func(status int, n int64) { got[status] = n })
	if got[0] != 4 || got[200] != 1 || got[599] != 1 || m.connected.Load() != 0 {
		t.Errorf("got %v", got)
	}
	if _, err := m.Registry().Gather(); err != nil {
		t.Error(err)
	}
}
