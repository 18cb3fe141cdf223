//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/moesif/govern"
	"github.com/gatemeter/gatemeter/moesif/rule"
)

// runRules changes a rule again and again, and looks at each gateway's client
// until it enforces the change. They are what gateways have: the wait is a long
// poll, what comes is compiled, and counts as soon as the next request would meet it.
func (b *bench) runRules(ctx context.Context) (rows []row, err error) {
	h, err := b.newHouse()
	if err != nil {
		return nil, err
	}
	defer h.close(&err)
	p, err := h.platform(ctx, "")
	if err != nil {
		return nil, err
	}
	g, err := openGateways(ctx, p, b.gateways)
	if err != nil {
		return nil, err
	}
	defer g.close()
	var took []time.Duration
	for n := range b.changes {
		if n%10 == 0 {
			fmt.Fprintf(os.Stderr, "rules: %d of %d changes\n", n, b.changes)
		}
		status := 400 + n%2
		begun := time.Now()
		if err := g.change(ctx, status); err != nil {
			return nil, err
		}
		all, err := g.enforced(ctx, begun, status)
		if err != nil {
			return nil, fmt.Errorf("change %d: %w", n, err)
		}
		took = append(took, all...)
	}
	slices.Sort(took)
	ms := func(q float64) float64 { return quantile(took, q) / 1000 }
	return []row{atMost(fmt.Sprintf("rule change → enforced at %d long-polling gateways, p99", b.gateways), ms(0.99), 500, "%.0f ms",
		fmt.Sprintf("p50 %.0f, greatest %.0f; %d changes", ms(0.5), ms(1), b.changes))}, nil
}

// gateways are clients in one process, each with a connection of its own.
type gateways struct {
	url, id string // of the platform, of the rule
	list    []*govern.Rules
	stop    context.CancelFunc
	running sync.WaitGroup
}

func openGateways(ctx context.Context, p *platform, n int) (*gateways, error) {
	g := &gateways{url: "http://" + p.address}
	if err := g.change(ctx, 400); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	g.stop = stop
	for range n {
		r, err := govern.New(govern.Options{URL: g.url, ApplicationID: p.applicationID, Transport: &http.Transport{}})
		if err != nil {
			stop()
			return nil, err
		}
		g.list = append(g.list, r)
		g.running.Go(func() { r.Run(running) })
	}
	_, err := g.enforced(ctx, time.Now(), 400)
	if err == nil {
		err = await(ctx, 30*time.Second, "long polls", func() (bool, error) {
			_, body, err := fetch(ctx, g.url+"/metrics")
			return strings.Contains(string(body), fmt.Sprintf("gatemeter_collector_open_requests %d\n", n)), err
		})
	}
	if err != nil {
		g.close()
	}
	return g, err
}

func (g *gateways) close() {
	g.stop()
	g.running.Wait()
}

// change makes the rule, the first time, and has it answer with status.
func (g *gateways) change(ctx context.Context, status int) error {
	method, path := http.MethodPost, "/api/v1/rules"
	if g.id != "" {
		method, path = http.MethodPut, path+"/"+g.id
	}
	body := fmt.Sprintf(`{"name":"bench","type":"user","state":"on","block":true,"response":{"status":%d},"customers":[{"id":"ada"}]}`, status)
	req, err := http.NewRequestWithContext(ctx, method, g.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil {
		return err
	}
	g.id = made.ID
	return nil
}

// enforced waits until every gateway answers with status, and returns how long
// after begun each of them did, to a millisecond.
func (g *gateways) enforced(ctx context.Context, begun time.Time, status int) ([]time.Duration, error) {
	took := make([]time.Duration, 0, len(g.list))
	left := slices.Clone(g.list)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(left) > 0 {
		if time.Since(begun) > time.Minute {
			return nil, fmt.Errorf("%d of %d gateways do not enforce it after a minute", len(left), len(g.list))
		}
		left = slices.DeleteFunc(left, func(r *govern.Rules) bool {
			d := r.Set().Decide(&rule.Subject{UserID: "ada", Verb: http.MethodGet, Route: "/"})
			if d.Status != status {
				return false
			}
			took = append(took, time.Since(begun))
			return true
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return took, nil
}
