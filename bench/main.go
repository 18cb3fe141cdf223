//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run: how long everything takes, and on which cores.
type bench struct {
	gatemeter   string // the binary
	connections int
	posts       int // percent of the requests that have a body
	cores       cores

	cost, latency, blocked, endpoints plan
	memoryLength                      time.Duration
	rate                              int // requests per second of the latency scenario
	events                            int // of the queue scenario
	store                             store
}

// plan is how often and how long every contender of a scenario runs.
type plan struct {
	rounds int
	length time.Duration
}

// scenario answers one question of the table.
type scenario struct {
	name  string
	run   func(*bench, context.Context) ([]row, error)
	alone bool // runs only when it is asked for
}

var scenarios = []scenario{
	{name: "cost", run: (*bench).runCost},
	{name: "latency", run: (*bench).runLatency},
	{name: "memory", run: (*bench).runMemory},
	{name: "queue", run: (*bench).runQueue},
	{name: "blocked", run: (*bench).runBlocked},
	{name: "endpoints", run: (*bench).runEndpoints},
	{name: "platform", run: (*bench).runPlatform, alone: true},
}

func run(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == "serve" {
		return serve(ctx, args[1:])
	}
	var b bench
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.gatemeter, "gatemeter", "bin/gatemeter", "the `binary` to measure")
	flags.IntVar(&b.connections, "connections", 64, "connections that the load comes over")
	flags.IntVar(&b.posts, "posts", 50, "`percent` of the requests that have a JSON body")
	flags.IntVar(&b.cores.gateway, "gateway-core", 0, "core of the gateway")
	flags.IntVar(&b.cores.others, "other-core", 1, "core of upstream, collector and load")
	b.cost.flags(flags, "cost", plan{9, 4 * time.Second})
	b.latency.flags(flags, "latency", plan{9, 4 * time.Second})
	b.blocked.flags(flags, "blocked", plan{5, 3 * time.Second})
	b.endpoints.flags(flags, "endpoints", plan{7, 3 * time.Second})
	flags.IntVar(&b.rate, "latency.rate", 3000, "requests per second of scenario latency, and of the second half of cost")
	flags.DurationVar(&b.memoryLength, "memory.length", 20*time.Second, "length of scenario memory, twice")
	flags.IntVar(&b.events, "queue.events", 1_000_000, "events of scenario queue")
	flags.IntVar(&b.store.rate, "platform.rate", 30_000, "events per second that scenario platform sends while it measures")
	flags.DurationVar(&b.store.length, "platform.length", 5*time.Minute, "how long scenario platform measures ingest")
	flags.IntVar(&b.store.events, "platform.events", 10_000_000, "events that scenario platform asks questions about")
	flags.IntVar(&b.store.asks, "platform.asks", 20, "how often scenario platform asks each question")
	flags.StringVar(&b.store.dir, "platform.data", "", "data `directory` of scenario platform, which is kept and used again; without it a temporary one")
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: go run ./bench [flags] [%s]\n", strings.Join(names(), "|"))
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	return b.run(ctx, flags.Args())
}

func (p *plan) flags(flags *flag.FlagSet, scenario string, d plan) {
	flags.IntVar(&p.rounds, scenario+".rounds", d.rounds, "rounds of scenario "+scenario)
	flags.DurationVar(&p.length, scenario+".length", d.length, "length of one contender's turn in scenario "+scenario)
}

func names() []string {
	var all []string
	for _, s := range scenarios {
		all = append(all, s.name)
	}
	return all
}

// run measures the scenarios that are asked for, and prints what came out even
// when a later one fails.
func (b *bench) run(ctx context.Context, asked []string) error {
	if len(asked) == 0 {
		for _, s := range scenarios {
			if !s.alone {
				asked = append(asked, s.name)
			}
		}
	}
	if unknown := slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return slices.Contains(names(), s) }); len(unknown) > 0 {
		return fmt.Errorf("no scenario %q: use one of %s", unknown[0], strings.Join(names(), ", "))
	}
	if err := b.check(); err != nil {
		return err
	}
	before := loadAverage()
	if err := b.cores.pinSelf(); err != nil {
		return err
	}
	var rows []row
	for _, s := range scenarios {
		if !slices.Contains(asked, s.name) {
			continue
		}
		more, err := s.run(b, ctx)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s.name, err), printTable(b.setting(before), rows))
		}
		rows = append(rows, more...)
	}
	return printTable(b.setting(before), rows)
}

// check refuses what would fail half-way, or mean nothing.
func (b *bench) check() (err error) {
	if b.gatemeter, err = filepath.Abs(b.gatemeter); err != nil {
		return err
	}
	if _, err := os.Stat(b.gatemeter); err != nil {
		return fmt.Errorf("-gatemeter: %w: build it with make build", err)
	}
	if b.cores.gateway == b.cores.others {
		return errors.New("-gateway-core and -other-core must be different cores")
	}
	if b.posts < 0 || b.posts > 100 {
		return fmt.Errorf("-posts: must be from 0 to 100 (got %d)", b.posts)
	}
	positive := map[string]int64{
		"connections": int64(b.connections), "latency.rate": int64(b.rate), "queue.events": int64(b.events),
		"cost.rounds": int64(b.cost.rounds), "latency.rounds": int64(b.latency.rounds), "blocked.rounds": int64(b.blocked.rounds),
		"endpoints.rounds": int64(b.endpoints.rounds), "endpoints.length": int64(b.endpoints.length),
		"cost.length": int64(b.cost.length), "latency.length": int64(b.latency.length), "blocked.length": int64(b.blocked.length),
		"memory.length": int64(b.memoryLength),
		"platform.rate": int64(b.store.rate), "platform.length": int64(b.store.length), "platform.events": int64(b.store.events), "platform.asks": int64(b.store.asks),
	}
	for _, name := range slices.Sorted(maps.Keys(positive)) {
		if positive[name] <= 0 {
			return fmt.Errorf("-%s: must be more than 0", name)
		}
	}
	return nil
}
