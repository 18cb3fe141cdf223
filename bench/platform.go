//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// store is how scenario platform fills and asks the platform.
type store struct {
	events int           // how many there are when the questions are asked
	rate   int           // events per second that are sent while ingest is measured
	length time.Duration // how long that is; 0 leaves it out
	asks   int           // how often each question is asked
	dir    string        // of the data, which stays there; "" is a temporary one
}

const adminToken = "bench-0123456789-bench-0123456789" // #nosec G101 -- of a platform that lives as long as the scenario

// runPlatform fills a platform over its collector with the events of a month, asks
// it what the console asks, and sends it calls as they happen.
func (b *bench) runPlatform(ctx context.Context) (rows []row, err error) {
	h, err := b.newHouse()
	if err != nil {
		return nil, err
	}
	defer h.close(&err)
	if err := b.cores.spread(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.cores.pinSelf()) }()
	p, err := h.platform(ctx, b.store.dir)
	if err != nil {
		return nil, err
	}
	have, err := p.stored(ctx)
	if err != nil {
		return nil, err
	}
	if have < int64(b.store.events) {
		more, err := b.fillPlatform(ctx, p, int(have))
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	if p, err = h.again(ctx, p); err != nil {
		return rows, err
	}
	more, err := b.askPlatform(ctx, p)
	rows = append(rows, more...)
	if err != nil || b.store.length == 0 {
		return rows, err
	}
	more, err = b.ingestPlatform(ctx, p)
	return append(rows, more...), err
}

// platform is one that listens.
type platform struct {
	*process
	dir           string
	app           string // the id of its one application
	applicationID string
}

// platform starts one on all cores.
func (h *house) platform(ctx context.Context, dir string) (*platform, error) {
	if dir == "" {
		dir = filepath.Join(h.dir, "data")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	cmd := exec.CommandContext(ctx, h.b.gatemeter, "platform", "--listen", address, "--data", dir)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(environment(), "GATEMETER_ADMIN_TOKEN="+adminToken)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &platform{process: &process{cmd: cmd, pid: cmd.Process.Pid, address: address}, dir: dir}
	h.processes = append(h.processes, p.process)
	err = await(ctx, 5*time.Minute, address+" to be ready", func() (bool, error) {
		status, _, err := fetch(ctx, "http://"+address+"/readyz")
		return err == nil && status == http.StatusOK, nil
	})
	if err != nil {
		return nil, err
	}
	var apps struct {
		Apps []struct {
			ID            string `json:"id"`
			ApplicationID string `json:"application_id"`
		} `json:"apps"`
	}
	if err := p.ask(ctx, "/api/v1/apps", nil, &apps); err != nil {
		return nil, err
	}
	if len(apps.Apps) != 1 {
		return nil, fmt.Errorf("the platform has %d applications, want 1", len(apps.Apps))
	}
	p.app, p.applicationID = apps.Apps[0].ID, apps.Apps[0].ApplicationID
	return p, nil
}

// ask gets an answer of the console's API.
func (p *platform) ask(ctx context.Context, path string, query url.Values, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s?%s: status %d", path, query.Encode(), resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// balance is what the books say of the one application.
type balance struct {
	Received  int64 `json:"received"`
	Stored    int64 `json:"stored"`
	Duplicate int64 `json:"duplicate"`
	InFlight  int64 `json:"in_flight"`
}

func (p *platform) books(ctx context.Context) (balance, error) {
	var answer struct {
		Apps []balance `json:"apps"`
	}
	err := p.ask(ctx, "/api/v1/pipeline", nil, &answer)
	if err != nil || len(answer.Apps) != 1 {
		return balance{}, errors.Join(err, fmt.Errorf("the books have %d applications", len(answer.Apps)))
	}
	return answer.Apps[0], nil
}

func (p *platform) stored(ctx context.Context) (int64, error) {
	b, err := p.books(ctx)
	return b.Stored, err
}

// again ends a platform and starts it on the same data.
func (h *house) again(ctx context.Context, p *platform) (*platform, error) {
	if err := p.end(); err != nil {
		return nil, err
	}
	return h.platform(ctx, p.dir)
}

// end stops the platform as an operator does, so that its files are complete.
func (p *platform) end() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// spread lets this process, and those it starts, run on both cores.
func (c cores) spread() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var set unix.CPUSet
	set.Set(c.gateway)
	set.Set(c.others)
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("using both cores: %w", err)
		}
	}
	return nil
}
