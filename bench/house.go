//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// house holds the processes of one scenario.
type house struct {
	b         *bench
	self, dir string
	processes []*process
}

// process is one of them. Its cores are fixed when it starts.
type process struct {
	cmd     *exec.Cmd
	pid     int
	address string // host:port
}

func (b *bench) newHouse() (*house, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	return &house{b: b, self: self, dir: dir}, nil
}

// close ends every process and adds what went wrong to err.
func (h *house) close(err *error) {
	for _, p := range h.processes {
		*err = errors.Join(*err, p.stop())
	}
	*err = errors.Join(*err, os.RemoveAll(h.dir))
}

// stop ends a process at once. What a gateway has queued is not delivered.
func (p *process) stop() error {
	if p.cmd.ProcessState != nil {
		return nil // stopped already
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// role starts this binary as one of the processes around the gateway. It prints
// its address when it listens.
func (h *house) role(ctx context.Context, core int, role, argument string) (*process, error) {
	cmd := exec.CommandContext(ctx, h.self, "serve", role, argument)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := h.start(cmd, core)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("serve %s said no address: %w", role, err)
	}
	p.address = strings.TrimSuffix(line, "\n")
	return p, nil
}

// upstream starts what answers behind the gateways, with so many items an answer.
func (h *house) upstream(ctx context.Context, items int) (*process, error) {
	return h.role(ctx, h.b.cores.others, "upstream", strconv.Itoa(items))
}

// collector starts one with rules for so many customers.
func (h *house) collector(ctx context.Context, customers int) (*process, error) {
	return h.role(ctx, h.b.cores.others, "collector", strconv.Itoa(customers))
}

// reverseProxy starts the gateway's rival.
func (h *house) reverseProxy(ctx context.Context, upstream *process) (*process, error) {
	return h.role(ctx, h.b.cores.gateway, "reverseproxy", upstream.address)
}

// gateway starts one in front of upstream. collector is the base URL that events
// go to; "" leaves the integration out.
func (h *house) gateway(ctx context.Context, upstream *process, collector string) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	config, err := krakend(port, upstream.address, collector)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(h.dir, fmt.Sprintf("krakend-%d.json", port))
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, h.b.gatemeter, "run", "-c", file)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = environment()
	p, err := h.start(cmd, h.b.cores.gateway)
	if err != nil {
		return nil, err
	}
	p.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return p, await(ctx, 20*time.Second, p.address+" to answer", func() (bool, error) {
		status, _, err := fetch(ctx, "http://"+p.address+"/__health")
		return err == nil && status == http.StatusOK, nil
	})
}

// environment is ours without what would change the gateway's configuration.
func environment() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GATEMETER_") && !strings.HasPrefix(variable, "KRAKEND_") && !strings.HasPrefix(variable, "FC_") {
			env = append(env, variable)
		}
	}
	return env
}

func (h *house) start(cmd *exec.Cmd, core int) (*process, error) {
	if err := h.b.cores.start(cmd, core); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, pid: cmd.Process.Pid}
	h.processes = append(h.processes, p)
	return p, nil
}

// await asks until the answer is yes, for so long.
func await(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// fetch gets a URL.
func fetch(ctx context.Context, url string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
