package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// The plugin and a host for it, built once with the same flags.
var pluginFile, hostFile string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatemeter-krakend")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	pluginFile, hostFile = filepath.Join(dir, "plugin.so"), filepath.Join(dir, "host")
	for _, build := range [][]string{{"-buildmode=plugin", "-o", pluginFile, "."}, {"-o", hostFile, "./testdata/host"}} {
		args := []string{"build"}
		if raceEnabled {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, build...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, cmd, err)
			return 1
		}
	}
	return m.Run()
}

// host is a running host with the plugin in it.
type host struct {
	url    string
	cmd    *exec.Cmd
	exited chan error // its end, once

	mu      sync.Mutex // guards out
	out     bytes.Buffer
	printed chan struct{} // capacity 1: something was printed
}

func (h *host) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out.Write(p)
	select {
	case h.printed <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (h *host) output() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.out.String()
}

// start runs a host that reports to c, with keys added to those of the plugin. A
// batch is pushed when it is full or the host ends, unless keys say otherwise.
func start(t *testing.T, c *collector, keys string, env ...string) *host {
	t.Helper()
	block := map[string]any{
		"application_id": "app", "user_id_headers": []string{"X-User", "Authorization"}, "collector_url": c.URL,
		"timer_wake_up_seconds": 3600,
	}
	if err := json.Unmarshal([]byte("{"+keys+"}"), &block); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"plugin/http-server": map[string]any{"name": []string{name}, name: block}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "extra_config.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	h := &host{cmd: exec.Command(hostFile, pluginFile, file), exited: make(chan error, 1), printed: make(chan struct{}, 1)}
	h.cmd.Stdout, h.cmd.Stderr = h, h
	h.cmd.Env = append(os.Environ(), env...)
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { h.exited <- h.cmd.Wait() }()
	t.Cleanup(func() {
		h.stop(t)
		if out := h.output(); strings.Contains(out, "DATA RACE") || t.Failed() {
			t.Errorf("the host printed:\n%s", out)
		}
	})
	h.url = "http://" + strings.Fields(h.await(t, "listening "))[1]
	return h
}

// await waits for a line that contains text.
func (h *host) await(t *testing.T, text string) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		for line := range strings.Lines(h.output()) {
			if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
				return line
			}
		}
		select {
		case <-h.printed:
		case <-deadline:
			t.Fatalf("the host did not print %q but:\n%s", text, h.output())
		}
	}
}

// terminate tells the host to end.
func (h *host) terminate(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// ended waits for the host's end, which must be a good one.
func (h *host) ended(t *testing.T) {
	t.Helper()
	select {
	case err := <-h.exited:
		h.exited <- err
		if err != nil {
			t.Errorf("the host ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		_ = h.cmd.Process.Kill()
		t.Fatal("the host did not end")
	}
}

// stop terminates the host and waits for its end.
func (h *host) stop(t *testing.T) {
	t.Helper()
	h.terminate(t)
	h.ended(t)
}

// client opens a connection for each request: an idle one that a transport has
// dialled in vain holds a server's shutdown for 5 s.
var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get calls the host and returns the answer's status and body.
func (h *host) get(t *testing.T, path string, headers ...string) (int, http.Header, string) {
	t.Helper()
	return h.do(t, http.MethodGet, path, "", headers...)
}

func (h *host) do(t *testing.T, method, path, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, text.String()
}

// pathOf is the path and query that an event was called at.
func pathOf(t *testing.T, e *wire.Event) string {
	t.Helper()
	u, err := url.Parse(e.Request.URI)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}
