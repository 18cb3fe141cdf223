//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A user edits the file of a gateway that runs: right, wrong, right again.
func TestRunFollowsTheFileAndHangUps(t *testing.T) {
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	echo := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
	})}
	go func() { _ = echo.Serve(backend) }()
	defer func() { _ = echo.Close() }()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)

	file := filepath.Join(t.TempDir(), "krakend.json")
	write := func(text string) {
		t.Helper()
		next := file + ".next" // replaced in one step, as editors do
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	leadingTo := func(path string) string {
		return fmt.Sprintf(`{"version": 3, "listen_ip": "127.0.0.1", "extra_config": {"telemetry/logging": {"level": "CRITICAL"}},
			"endpoints": [{"endpoint": "/a", "output_encoding": "no-op", "backend": [{"host": "http://%s", "url_pattern": %q}]}]}`, backend.Addr(), path)
	}
	answers := func(want string) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		got := ""
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
			resp, err := http.Get("http://" + address + "/a")
			if err != nil {
				continue
			}
			text, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if got = string(text); got == want {
				return
			}
		}
		t.Fatalf("answers %q, not %q", got, want)
	}

	write(leadingTo("/one"))
	ctx, stop := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- execute(ctx, []string{"run", "-c", file, "-p", port, "--watch"}) }()
	answers("/one")
	write(leadingTo("/two"))
	answers("/two")
	write(`{"version": 3, "endpoints": "none"`)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	answers("/two")
	write(leadingTo("/three"))
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	answers("/three")
	stop()
	select {
	case c := <-code:
		if c != 0 {
			t.Errorf("ended with %d", c)
		}
	case <-time.After(20 * time.Second):
		t.Error("it does not end")
	}
	http.DefaultClient.CloseIdleConnections()
}
