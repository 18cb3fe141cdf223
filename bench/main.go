// Command bench measures what one request costs the gateway, in CPU time of its
// process: without the telemetry/moesif block, with it, and with it while the
// collector is gone, beside a bare httputil.ReverseProxy with a buffer pool.
// Every contender is a process of its own, all run in turn, round by round, so
// that the machine's moods hit all of them alike; medians and ratios are printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) > 2 && os.Args[1] == "serve" {
		return serve(ctx, os.Args[2:])
	}
	var b bench
	flag.StringVar(&b.binary, "gatemeter", "bin/gatemeter", "the binary to measure")
	flag.IntVar(&b.rounds, "rounds", 7, "rounds; each contender runs once in each")
	flag.IntVar(&b.requests, "requests", 20000, "requests per contender and round")
	flag.IntVar(&b.clients, "clients", 16, "connections that send them")
	flag.Parse()
	return b.run(ctx)
}

// contender is one process under test.
type contender struct {
	name string
	url  string
	pid  int
	cpu  []float64 // µs of CPU per request, a round each
	p50  []time.Duration
	p99  []time.Duration
}

type bench struct {
	binary                    string
	rounds, requests, clients int
	self, dir                 string
	processes                 []*exec.Cmd
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop(), os.RemoveAll(b.dir)) }()

	contenders, err := b.start(ctx)
	if err != nil {
		return err
	}
	for _, c := range contenders { // warm up: connections, pools, page cache
		if _, err := load(ctx, c.url, b.requests/4, b.clients); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.rounds)
		for _, c := range contenders {
			before, err := cpuTime(c.pid)
			if err != nil {
				return err
			}
			latencies, err := load(ctx, c.url, b.requests, b.clients)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if err := settle(ctx, c.pid); err != nil { // what is done off the request path counts too
				return err
			}
			after, err := cpuTime(c.pid)
			if err != nil {
				return err
			}
			c.cpu = append(c.cpu, float64((after-before).Microseconds())/float64(b.requests))
			c.p50 = append(c.p50, latencies[len(latencies)/2])
			c.p99 = append(c.p99, latencies[len(latencies)*99/100])
		}
	}
	return b.report(contenders)
}

// start brings up upstream, collector and every contender.
func (b *bench) start(ctx context.Context) ([]*contender, error) {
	upstream, _, err := b.spawn(ctx, "", b.self, "serve", "upstream")
	if err != nil {
		return nil, err
	}
	collector, _, err := b.spawn(ctx, "", b.self, "serve", "collector")
	if err != nil {
		return nil, err
	}
	var all []*contender
	proxy, pid, err := b.spawn(ctx, "", b.self, "serve", "reverseproxy", upstream)
	if err != nil {
		return nil, err
	}
	all = append(all, &contender{name: "httputil.ReverseProxy, buffer pool", url: proxy + "/bench", pid: pid})
	for _, g := range []struct{ name, block string }{
		{"gatemeter, block absent", ""},
		{"gatemeter, block on", moesifBlock(collector, true)},
		{"gatemeter, block on, log_body false", moesifBlock(collector, false)},
		{"gatemeter, block on, collector gone", moesifBlock("http://127.0.0.1:9", true)},
	} {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(b.dir, fmt.Sprintf("krakend-%d.json", len(all)))
		config := fmt.Sprintf(`{"version":3,"port":%d,"listen_ip":"127.0.0.1","timeout":"10s",
			"extra_config":{"telemetry/logging":{"level":"ERROR","stdout":false}, "router":{"disable_access_log":true}%s},
			"endpoints":[{"endpoint":"/bench","output_encoding":"no-op","input_headers":["Authorization","X-User-Id"],
			"backend":[{"host":[%q],"url_pattern":"/"}]}]}`, port, g.block, upstream)
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			return nil, err
		}
		url, pid, err := b.spawn(ctx, fmt.Sprintf("http://127.0.0.1:%d", port), b.binary, "run", "-c", file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		all = append(all, &contender{name: g.name, url: url + "/bench", pid: pid})
	}
	return all, nil
}

func moesifBlock(collector string, body bool) string {
	return fmt.Sprintf(`,"telemetry/moesif":{"application_id":"bench","user_id_headers":["Authorization"],
		"identify_company":{"query_string":"company"},"collector_url":%q,"log_body":%v,"event_queue_size":100000}`, collector, body)
}

func (b *bench) report(all []*contender) error {
	fmt.Printf("\n%s, %d CPUs; %d rounds of %d requests over %d connections; 1 KB JSON answers\n",
		runtime.Version(), runtime.NumCPU(), b.rounds, b.requests, b.clients)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "contender\tCPU µs/request\tmin..max\tto ReverseProxy\tto block absent\tp50\tp99\t")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f..%.1f\t%.2f\t%.2f\t%s\t%s\t\n", c.name, median(c.cpu), slices.Min(c.cpu), slices.Max(c.cpu),
			median(ratios(c.cpu, all[0].cpu)), median(ratios(c.cpu, all[1].cpu)),
			median(c.p50).Round(time.Microsecond), median(c.p99).Round(time.Microsecond))
	}
	return w.Flush()
}

func ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

func median[T float64 | time.Duration](xs []T) T {
	sorted := slices.Sorted(slices.Values(xs))
	return sorted[len(sorted)/2]
}

// freshClient has as many idle connections as a load needs.
func freshClient(clients int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}, Timeout: 30 * time.Second}
}
