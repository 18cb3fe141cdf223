// Package demo runs everything on one machine: the platform, a gateway with the
// example configuration, a real upstream, and forty customers who call it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/gatemeter/gatemeter/examples"
	"github.com/gatemeter/gatemeter/gateway"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/platform"
)

// defaultPort is the gateway's, the one that the example's documentation names.
const defaultPort = 8080

// Options say where the demo keeps its data and listens.
type Options struct {
	Dir     string // the platform's data directory
	Listen  string // the platform's address
	Port    int    // the gateway's port, on 127.0.0.1
	File    string // the gateway's configuration; "" takes the example built in
	Traffic bool   // customers call, and have a past
	Out     io.Writer
	Logger  *slog.Logger
	Lookup  func(key string) (string, bool) // the environment
	Version string
}

// Run starts the demo, prints where everything is, and runs until ctx ends; then
// it stops the customers, drains the gateway into the platform and closes both.
func Run(ctx context.Context, o Options) (err error) {
	// The parts stop one after the other: whoever sends before whoever receives.
	after := context.WithoutCancel(ctx)
	ctx, fail := context.WithCancel(ctx)
	defer fail()

	p, err := platform.Open(after, platform.Options{
		Dir: o.Dir, Listen: o.Listen, Logger: o.Logger, AdminToken: env(o.Lookup, "GATEMETER_ADMIN_TOKEN"), Version: o.Version,
	})
	if err != nil {
		return err
	}
	platformStopped := start(after, p.Run, fail)
	defer func() { err = errors.Join(err, platformStopped()) }()
	apps, err := p.Applications(ctx)
	if err != nil {
		return err
	}

	upstream, err := startUpstream()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, upstream.Close()) }()

	platformURL := "http://" + p.Addr()
	g, err := openGateway(o, map[string]string{
		"GATEMETER_COLLECTOR_URL":  platformURL,
		"GATEMETER_APPLICATION_ID": apps[0].ApplicationID,
		"KRAKEND_HOST":             "http://" + upstream.Addr,
		"KRAKEND_PORT":             strconv.Itoa(o.Port),
		"KRAKEND_LISTEN_IP":        "127.0.0.1",
	})
	if err != nil {
		return err
	}
	gatewayStopped := start(after, g.Run, fail)
	defer func() { err = errors.Join(err, gatewayStopped()) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	gatewayURL := "http://127.0.0.1:" + strconv.Itoa(o.Port)
	if !ready(ctx, client, platformURL+"/readyz", gatewayURL+"/__health") {
		return nil // stopped, or a part failed: its error is joined above
	}

	banner(o, addresses{
		platform: platformURL, gateway: gatewayURL, metrics: g.MetricsAddr(), signIn: p.SignInURL(), application: apps[0].ApplicationID,
	})
	if !o.Traffic {
		<-ctx.Done()
		return nil
	}
	began := time.Now()
	collector := Collector{URL: platformURL, ApplicationID: apps[0].ApplicationID, Client: client}
	if err := past7Days(ctx, o, p, collector, began); err != nil && ctx.Err() == nil {
		return err
	}
	traffic := &Traffic{Gateway: gatewayURL, Client: client, Start: began}
	traffic.Run(ctx)
	made, unanswered := traffic.Calls()
	fmt.Fprintf(o.Out, "\nstopped after %d calls, %d of them without an answer\n", made, unanswered)
	return nil
}

// past7Days sends profiles, and a history where the store is still empty.
func past7Days(ctx context.Context, o Options, p *platform.Platform, c Collector, now time.Time) error {
	if err := c.Profiles(ctx); err != nil {
		return err
	}
	empty, err := p.Empty(ctx)
	if err != nil || !empty {
		return err
	}
	history := History(now)
	if err := c.Send(ctx, history); err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "  history    %d made-up events for the last 7 days; every call from now on is real\n", len(history))
	return nil
}

// openGateway makes a gateway of the configuration, with environment values of its own.
func openGateway(o Options, values map[string]string) (*gateway.Gateway, error) {
	lookup := func(key string) (string, bool) {
		if v, ok := values[key]; ok {
			return v, true
		}
		return o.Lookup(key)
	}
	var service *config.Service
	var err error
	if o.File == "" {
		service, err = config.Parse("examples/krakend.json", examples.KrakenD, lookup)
	} else {
		service, err = config.Load(o.File, lookup)
	}
	if err != nil {
		return nil, fmt.Errorf("the gateway's configuration:\n%w", err)
	}
	if o.File == "" && o.Port != defaultPort {
		service.Metrics.ListenAddress = "127.0.0.1:0" // beside another demo
	}
	return gateway.New(service, gateway.Options{Logger: o.Logger, Version: o.Version})
}

// start runs one part of the demo and calls fail when it ends by itself; the
// function it returns stops the part and waits for its end.
func start(ctx context.Context, run func(context.Context) error, fail func()) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- run(ctx)
		fail()
	}()
	return func() error {
		cancel()
		return <-done
	}
}

// startUpstream serves httpbin on a free port of the loopback interface.
func startUpstream() (*http.Server, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo upstream: %w", err)
	}
	server := &http.Server{
		Addr:              l.Addr().String(),
		Handler:           httpbin.New(httpbin.WithMaxDuration(30 * time.Second)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { _ = server.Serve(l) }() // ends with Close
	return server, nil
}

// ready waits until every url answers 200; false when ctx ends before.
func ready(ctx context.Context, client *http.Client, urls ...string) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, url := range urls {
		for !answers(ctx, client, url) {
			select {
			case <-ctx.Done():
				return false
			case <-tick.C:
			}
		}
	}
	return true
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// addresses are what the banner tells.
type addresses struct{ platform, gateway, metrics, signIn, application string }

func banner(o Options, a addresses) {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "  %-10s %s\n", name, value) }
	fmt.Fprintf(&b, "\ngatemeter demo\n\n")
	if a.signIn != "" {
		line("console", a.signIn)
	} else {
		line("console", a.platform+"  (sign in with your e-mail and password)")
	}
	line("gateway", a.gateway)
	if a.metrics != "" {
		line("metrics", "http://"+a.metrics+"/metrics")
	}
	line("collector", a.platform+"/v1")
	line("app id", a.application)
	line("API", a.platform+"/api/openapi.json")
	line("data", o.Dir)
	fmt.Fprintf(&b, "\n  Try a call of your own, and watch it arrive on the Live page:\n\n")
	fmt.Fprintf(&b, "    curl -u alice:x '%s/orders/42?company=acme'\n", a.gateway)
	fmt.Fprintf(&b, "    curl -H 'X-User-Id: bob' -d '{\"card\":\"4111\",\"items\":[1,2]}' '%s/orders?company=cobalt'\n\n", a.gateway)
	fmt.Fprintf(&b, "  Ctrl-C stops everything.\n\n")
	fmt.Fprint(o.Out, b.String())
}

func env(lookup func(string) (string, bool), key string) string {
	value, _ := lookup(key)
	return value
}
