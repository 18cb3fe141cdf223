//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
)

// row is a promise and what became of it.
type row struct{ what, must, measured, verdict string }

// atMost is a row whose value must not be more than a bound, both in the format,
// with a detail beside the measured value.
func atMost(what string, value, bound float64, format, detail string) row {
	r := row{what, "≤ " + fmt.Sprintf(format, bound), fmt.Sprintf(format+" (%s)", value, detail), "ok"}
	if value > bound {
		r.verdict = "over"
	}
	return r
}

// atLeast is a row whose value must not be less than a bound.
func atLeast(what string, value, bound float64, format, detail string) row {
	r := row{what, "≥ " + fmt.Sprintf(format, bound), fmt.Sprintf(format+" (%s)", value, detail), "ok"}
	if value < bound {
		r.verdict = "under"
	}
	return r
}

// known is a row without a promise.
func known(what, measured string) row { return row{what: what, measured: measured} }

// setting says how a table was measured.
func (b *bench) setting(loadBefore string) string {
	return fmt.Sprintf(`%s, %d CPUs (%s), load %s before the start.
Gateway pinned to core %d; upstream, collector and load to core %d; %d connections, answers of 1 KB of JSON, %d %% of requests with a body of 200 bytes.
Medians over rounds: cost %d of %s, latency %d of %s at %d/s (open loop, from the time a request was due), blocked %d of %s.`,
		runtime.Version(), runtime.NumCPU(), cpuModel(), loadBefore, b.cores.gateway, b.cores.others, b.connections, b.posts,
		b.cost.rounds, b.cost.length, b.latency.rounds, b.latency.length, b.rate, b.blocked.rounds, b.blocked.length)
}

func printTable(setting string, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	fmt.Printf("\n%s\n\n", setting)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmust reach\tmeasured\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.what, r.must, r.measured, r.verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("\nDecisions by themselves: cd moesif && go test ./rule -run '^$' -bench .")
	return nil
}

// printCosts shows every contender of a scenario, not only what is promised.
func printCosts(scenario string, p plan, all []*contender) {
	fmt.Printf("\n%s, %d rounds of %s\n", scenario, p.rounds, p.length)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "contender\tCPU µs/request\tmin..max\trequests/s\tmin..max\tcore busy\t")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%.1f\t%s\t%.0f\t%s\t%.0f %%\t\n", c.name, median(c.cpu), span(c.cpu, 1),
			median(c.throughput), span(c.throughput, 0), 100*median(c.busy))
	}
	_ = w.Flush() // to standard output, like everything here
}

func (b *bench) printLatencies(all []*contender) {
	fmt.Printf("\nlatency, %d rounds of %s at %d requests/s; µs\n", b.latency.rounds, b.latency.length, b.rate)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "contender\tp50\tp99\tmin..max\tp99.9\tratio of p99\tmin..max of pairs\tsent late, p99\t")
	for _, c := range all {
		pairs := paired(c.p99, all[0].p99, func(c, off float64) float64 { return c / off })
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%s\t%.0f\t%.2f\t%s\t%.0f\t\n", c.name, median(c.p50), median(c.p99), span(c.p99, 0),
			median(c.p999), median(c.p99)/median(all[0].p99), span(pairs, 2), median(c.late))
	}
	_ = w.Flush() // as above
}
