//go:build unix

package rule

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
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

// BenchmarkDecideManyCustomers has them take turns, so that no cache of the
// processor holds all that is known of them.
func BenchmarkDecideManyCustomers(b *testing.B) {
	const customers = 100_000
	config, rules := big(customers, 900, 100, routes)
	s := Compile(config, rules, Options{})
	all := make([]*Subject, 1<<15)
	for i := range all {
		all[i] = typical()
		all[i].UserID, all[i].CompanyID = "user-"+strconv.Itoa(i*7919%customers), "company-"+strconv.Itoa(i*104_729%customers)
	}
	b.ReportAllocs()
	i, before := 0, cpu(b)
	for b.Loop() {
		if d := s.Decide(all[i%len(all)]); d.Blocked {
			b.Fatal(d)
		}
		i++
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/decision")
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

// BenchmarkInstall is a document with 100,000 users and as many companies that
// comes in, is read and compiled; and what is kept of it.
func BenchmarkInstall(b *testing.B) {
	config, rules := big(100_000, 900, 100, routes)
	document, err := json.Marshal(config)
	if err != nil {
		b.Fatal(err)
	}
	s, bytes, objects := kept(b, document, rules)
	began := time.Now()
	runtime.GC()
	mark := time.Since(began)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := ReadConfig(document)
		if err != nil {
			b.Fatal(err)
		}
		s = c.Compile(rules, Options{})
	}
	runtime.KeepAlive(s)
	b.ReportMetric(float64(bytes)/200_000, "kept-B/customer")
	b.ReportMetric(float64(objects), "kept-objects")
	b.ReportMetric(float64(mark.Microseconds()), "µs/gc")
}
