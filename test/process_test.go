package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the real gatemeter, built once for all tests, with the race detector
// where the tests have it.
var binary string

func TestMain(m *testing.M) {
	if port := os.Getenv(linkVariable); port != "" {
		serveLink(port)
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatemeter-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "gatemeter")
	args := []string{"build", "-tags", buildTags, "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "../cmd/gatemeter")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building gatemeter:", err)
		return 1
	}
	return m.Run()
}

const adminToken = "the-tests-own-token"

// process is one running gatemeter.
type process struct {
	cmd    *exec.Cmd
	exited chan error // its end, once
	ended  bool

	mutex sync.Mutex
	out   bytes.Buffer // guarded by mutex: all it printed
}

// start runs gatemeter with args and waits until every url answers 200.
func start(t *testing.T, env []string, args []string, urls ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), exited: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), append(env, "GATEMETER_ADMIN_TOKEN="+adminToken, "GORACE=halt_on_error=0")...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if !p.ended {
			p.terminate(t)
		}
		if out := p.output(); strings.Contains(out, "DATA RACE") {
			t.Errorf("gatemeter %v has a data race:\n%s", args, out)
		}
		if t.Failed() {
			t.Logf("gatemeter %v printed:\n%s", args, tail(p.output()))
		}
	})
	for _, url := range urls {
		eventually(t, 60*time.Second, url+" answers 200", func() bool {
			select {
			case err := <-p.exited:
				p.ended = true
				t.Fatalf("gatemeter %v ended at once: %v\n%s", args, err, p.output())
			default:
			}
			resp, err := http.Get(url)
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	return p
}

// Write takes what the process prints.
func (p *process) Write(b []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.out.String()
}

func tail(s string) string { return s[max(0, len(s)-8000):] }

// terminate sends SIGTERM and expects a clean end.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	select {
	case err := <-p.exited:
		p.ended = true
		if err != nil {
			t.Errorf("after SIGTERM gatemeter %v ended with %v\n%s", p.cmd.Args[1:], err, tail(p.output()))
		}
	case <-time.After(60 * time.Second):
		t.Errorf("gatemeter %v does not end after SIGTERM", p.cmd.Args[1:])
		p.kill(t)
	}
}

// kill ends the process as a power cut would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGKILL)
	<-p.exited
	p.ended = true
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// eventually polls until ok, and fails the test when that takes too long.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}

// freePort finds a port nobody listens on at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// fetch does one request and returns status and body.
func fetch(t *testing.T, req *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}
