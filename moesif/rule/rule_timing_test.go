//go:build unix

package rule

import (
	"fmt"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func BenchmarkDecide(b *testing.B) {
	header := func(i int) []wire.Condition {
		return []wire.Condition{{Path: "request.headers.X-Key", Value: fmt.Sprintf("^key-%d$", i)}}
	}
	shared := func(i int) []wire.Condition { // nothing to tell the rules apart but the expression itself
		return []wire.Condition{{Path: "request.route", Value: fmt.Sprintf("^/v1/orders/[a-f]{%d}$", i%900+1)}}
	}
	for _, c := range []struct {
		name               string
		customers, cohorts int
		regexes            int
		pattern            func(int) []wire.Condition
	}{
		{"no rules", 0, 0, 0, nil},
		{"100 regex 900 cohort 100000 customers", 100_000, 900, 100, routes},
		{"1000 regex", 0, 0, 1000, routes},
		{"1000 regex 900 cohort 100000 customers", 100_000, 900, 1000, routes},
		{"10000 regex", 0, 0, 10_000, routes},
		{"1000 header regex", 0, 0, 1000, header},
		{"100 regex with one prefix", 0, 0, 100, shared},
	} {
		b.Run(c.name, func(b *testing.B) {
			config, rules := big(c.customers, c.cohorts, c.regexes, c.pattern)
			s := Compile(config, rules, Options{})
			if len(s.Problems()) > 0 || s.Rules() != c.cohorts+c.regexes {
				b.Fatal(s.Rules(), s.Problems())
			}
			r := typical()
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if d := s.Decide(r); d.Blocked {
					b.Fatal(d)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/decision")
		})
	}
	b.Run("1000 regex one by one", func(b *testing.B) { // what is compared with: RE2 for each
		var all []*regexp.Regexp
		_, rules := big(0, 0, 1000, routes)
		for _, u := range rules {
			g := u.RegexConfig[0].Conditions
			all = append(all, regexp.MustCompile(g[len(g)-1].Value))
		}
		r := typical()
		b.ReportAllocs()
		for b.Loop() {
			for _, re := range all {
				if re.MatchString(r.Route) {
					b.Fatal(re)
				}
			}
		}
	})
}

// cpu is the processor time that the process has taken so far: beside other work
// it is steadier than the clock.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkDecideBlocked(b *testing.B) {
	config, rules := big(100_000, 900, 100, routes)
	s := Compile(config, rules, Options{})
	r := typical()
	r.UserID, r.Route = "user-0", "/v1/plan-0/x"
	b.ReportAllocs()
	for b.Loop() {
		if d := s.Decide(r); !d.Blocked {
			b.Fatal(d)
		}
	}
}

func BenchmarkSampleRate(b *testing.B) {
	config, rules := big(100_000, 900, 100, routes)
	s := Compile(config, rules, Options{})
	r := typical()
	r.Status = 200
	b.ReportAllocs()
	for b.Loop() {
		s.SampleRate(r)
	}
}

func BenchmarkCompile(b *testing.B) {
	config, rules := big(100_000, 900, 100, routes)
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	s := Compile(config, rules, Options{})
	kept := live() - before
	b.ReportAllocs()
	for b.Loop() {
		s = Compile(config, rules, Options{})
	}
	runtime.KeepAlive(s)
	b.ReportMetric(float64(kept)/200_000, "kept-B/customer")
}
