//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Paths of the gateway in scenario endpoints, one for each way to answer.
const (
	noOpPath     = "/no-op"
	jsonPath     = "/json"
	shapedPath   = "/shaped"
	mergedPath   = "/merged"
	verifiedPath = "/verified"
)

// runEndpoints compares what a request costs on endpoints of different kinds,
// without the integration, all requests being GET, and beside gateways and proxies that are not ours.
func (b *bench) runEndpoints(ctx context.Context) (rows []row, err error) {
	gets := *b
	gets.posts = 0
	b = &gets
	h, err := b.newHouse()
	if err != nil {
		return nil, err
	}
	defer h.close(&err)
	upstream, err := h.upstream(ctx, usualItems)
	if err != nil {
		return nil, err
	}
	issuer, err := newIssuer(h.dir)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(kinds(upstream.address, issuer))
	if err != nil {
		return nil, err
	}
	ours, err := h.configured(ctx, b.gatemeter, config)
	if err != nil {
		return nil, err
	}
	proxy, err := h.reverseProxy(ctx, upstream)
	if err != nil {
		return nil, err
	}
	named := func(name string, p *process, path, token string) *contender {
		c := newContender(name, p)
		c.path, c.token = path, token
		return c
	}
	noOp := named("gatemeter, no-op", ours, noOpPath, "")
	plain := named("gatemeter, json", ours, jsonPath, "")
	shaped := named("gatemeter, json with allow, mapping, group", ours, shapedPath, "")
	merged := named("gatemeter, merge of two", ours, mergedPath, "")
	verified := named("gatemeter, no-op, RS256", ours, verifiedPath, issuer.token)
	rival := named("httputil.ReverseProxy, buffer pool", proxy, "/", "")
	all := []*contender{noOp, plain, shaped, merged, verified, rival}
	others, err := h.others(ctx, upstream, config)
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		all = append(all, named(o.name, o.process, noOpPath, ""))
	}

	if _, err := b.warmUp(ctx, all); err != nil {
		return nil, err
	}
	err = turns("endpoints", all, b.endpoints.rounds, func(c *contender, round int) error {
		return b.spend(ctx, c, round, b.endpoints.length, nothing)
	})
	if err != nil {
		return nil, err
	}
	printCosts("endpoints", b.endpoints, all)
	rows = endpointRows(noOp, plain, shaped, merged, verified, rival)
	for i, o := range others {
		c := all[len(all)-len(others)+i]
		rows = append(rows, known(o.name, fmt.Sprintf("%.1f µs CPU per request, %.0f/s", median(c.cpu), median(c.throughput))))
	}
	starting, err := b.runStart(ctx, h, upstream)
	return append(rows, starting...), err
}

func endpointRows(noOp, plain, shaped, merged, verified, rival *contender) []row {
	ratio := func(a, b *contender) float64 {
		return median(paired(a.cpu, b.cpu, func(a, b float64) float64 { return a / b }))
	}
	cpu := func(c *contender) string { return fmt.Sprintf("%.1f µs", median(c.cpu)) }
	more := median(paired(verified.cpu, noOp.cpu, func(v, n float64) float64 { return v - n }))
	return []row{
		atMost("no-op", median(noOp.cpu), 45, "%.1f µs CPU per request", fmt.Sprintf("%.0f/s", median(noOp.throughput))),
		atMost("… against httputil.ReverseProxy", ratio(noOp, rival), 0.80, "%.2f of its CPU", cpu(rival)),
		atMost("json, one backend, against no-op", ratio(plain, noOp), 1.1, "%.2f of its CPU", cpu(plain)),
		atMost("json with allow, mapping and group, against no-op", ratio(shaped, noOp), 1.3, "%.2f of its CPU", cpu(shaped)),
		atMost("merge of two backends", median(merged.cpu), 90, "%.1f µs CPU per request", fmt.Sprintf("%.0f/s", median(merged.throughput))),
		atMost("auth/validator, RS256, a token seen before, minus no-op", more, 10, "%.1f µs CPU per request", cpu(verified)),
	}
}

// kinds is a configuration with an endpoint of each kind.
func kinds(upstream string, issuer issuer) object {
	backend := func(more object) object {
		b := object{"host": []string{"http://" + upstream}, "url_pattern": "/"}
		for key, value := range more {
			b[key] = value
		}
		return b
	}
	endpoint := func(path, encoding string, extra object, backends ...object) object {
		e := object{"endpoint": path, "output_encoding": encoding, "backend": backends}
		if extra != nil {
			e["extra_config"] = extra
		}
		return e
	}
	validator := object{"auth/validator": object{
		"alg": "RS256", "jwk_local_path": issuer.keys, "disable_jwk_security": true, "issuer": "bench",
	}}
	return object{
		"version": 3, "listen_ip": "127.0.0.1", "timeout": "10s",
		"extra_config": object{
			"telemetry/logging": object{"level": "ERROR", "stdout": false},
			"router":            object{"disable_access_log": true},
		},
		"endpoints": []object{
			endpoint(noOpPath, "no-op", nil, backend(nil)),
			endpoint(jsonPath, "json", nil, backend(nil)),
			endpoint(shapedPath, "json", nil, backend(object{
				"allow":   []string{"id", "status", "total", "customer.name", "customers", "hits", "next"},
				"mapping": object{"id": "number"}, "group": "answer",
			})),
			endpoint(mergedPath, "json", nil, backend(object{"group": "first"}), backend(object{"group": "second"})),
			endpoint(verifiedPath, "no-op", validator, backend(nil)),
		},
	}
}

// configured starts a program like KrakenD with a configuration, on a free port.
func (h *house) configured(ctx context.Context, program string, config []byte) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(h.dir, fmt.Sprintf("endpoints-%d.json", port))
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "run", "-c", file, "-p", strconv.Itoa(port))
	cmd.Stderr = os.Stderr
	cmd.Env = environment()
	return h.listening(ctx, cmd, port, "/__health")
}

// listening starts cmd on the gateway's core and waits until it answers.
func (h *house) listening(ctx context.Context, cmd *exec.Cmd, port int, path string) (*process, error) {
	p, err := h.start(cmd, h.b.cores.gateway)
	if err != nil {
		return nil, err
	}
	p.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return p, await(ctx, 20*time.Second, p.address+" to answer", func() (bool, error) {
		status, _, err := fetch(ctx, "http://"+p.address+path)
		return err == nil && status == http.StatusOK, nil
	})
}

// other is a proxy that is not ours.
type other struct {
	name    string
	process *process
}

// others starts those that are on the PATH: HAProxy, which shows what is possible
// at all, and KrakenD with the same file.
func (h *house) others(ctx context.Context, upstream *process, config []byte) ([]other, error) {
	var all []other
	if program, err := exec.LookPath("haproxy"); err == nil {
		p, err := h.haproxy(ctx, program, upstream)
		if err != nil {
			return nil, err
		}
		all = append(all, other{"HAProxy", p})
	} else if !errors.Is(err, exec.ErrNotFound) {
		return nil, err
	}
	if program, err := exec.LookPath("krakend"); err == nil {
		p, err := h.configured(ctx, program, config)
		if err != nil {
			return nil, err
		}
		all = append(all, other{"KrakenD, no-op", p})
	} else if !errors.Is(err, exec.ErrNotFound) {
		return nil, err
	}
	return all, nil
}

const haproxyConfig = `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:%d
  option forwardfor
  default_backend out
backend out
  http-reuse always
  server upstream %s
`

func (h *house) haproxy(ctx context.Context, program string, upstream *process) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(h.dir, "haproxy.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, haproxyConfig, port, upstream.address), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-db", "-f", file)
	cmd.Stderr = os.Stderr
	return h.listening(ctx, cmd, port, "/")
}

// manyEndpoints are those of the file that the start is measured with.
const manyEndpoints = 1000

// runStart measures how long a gateway with many endpoints takes to answer, and how
// much memory it holds then.
func (b *bench) runStart(ctx context.Context, h *house, upstream *process) ([]row, error) {
	endpoints := make([]object, manyEndpoints)
	for i := range endpoints {
		endpoints[i] = endpoint("GET", fmt.Sprintf("/area-%d/things/{id}", i), upstream.address)
	}
	config, err := json.Marshal(object{"version": 3, "listen_ip": "127.0.0.1", "endpoints": endpoints,
		"extra_config": object{"telemetry/logging": object{"level": "ERROR", "stdout": false}}})
	if err != nil {
		return nil, err
	}
	var took []float64
	var held resident
	for range b.endpoints.rounds {
		began := time.Now()
		p, err := h.configured(ctx, b.gatemeter, config)
		if err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(began).Milliseconds()))
		if err := held.raise(p.pid); err != nil {
			return nil, err
		}
		if err := p.stop(); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("start with %d endpoints", manyEndpoints)
	return []row{
		atMost(what, median(took), 200, "%.0f ms", "until it answers, asked every 50 ms"),
		atMost("… resident", mib(held.all), 60, "%.0f MiB", fmt.Sprintf("%.0f of it anonymous", mib(held.anonymous))),
	}, nil
}
