package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// many is a rule with a cohort of n users, each with a value.
func many(n int, plan string) Rule {
	u := Rule{State: On, Wire: wire.Rule{Name: "free plan", Type: typeUser, Block: true, Variables: []wire.Variable{{Name: "0", Path: "body.plan"}}}}
	for i := range n {
		u.Customers = append(u.Customers, Customer{ID: fmt.Sprintf("user-%08d", i), Values: map[string]string{"0": plan}})
	}
	return u
}

// BenchmarkCohortOf100000 shows how long an editor waits until a change is on
// disk and served: when the cohort changes, and when only the rule does; how long
// the first client waits after a restart; what of that is making the document,
// and how large it is.
func BenchmarkCohortOf100000(b *testing.B) {
	r := stored(b)
	u := create(b, r, many(MaxCustomers, "free"))
	b.Run("cohort", func(b *testing.B) {
		plans := []Rule{many(MaxCustomers, "gold"), many(MaxCustomers, "free")}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			replace(b, r, u.Wire.ID, plans[i%2])
		}
		b.ReportMetric(float64(len(documents(b, r).Config.Body))/(1<<20), "MiB")
	})
	b.Run("rule", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			u.Wire.Response.Status = 400 + i%20
			replace(b, r, u.Wire.ID, u)
		}
	})
	b.Run("restart", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			documents(b, New(r.db, time.Now))
		}
	})
	b.Run("build", func(b *testing.B) {
		in, err := r.read(b.Context(), testApp.ID, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			built(b, in)
		}
	})
}

// What is counted against the bound of all documents is at least what they take.
func TestACohortIsCountedWithWhatItTakes(t *testing.T) {
	u := many(1000, "<free>").normal()
	u.Wire.ID = newID(noon)
	size := len(built(t, input{config: DefaultConfig(), rules: []Rule{u}}).Config.Body)
	c, err := cohortOf(u.Customers)
	if err != nil || c.bytes < size-1024 || c.bytes > 2*size {
		t.Errorf("counted as %d bytes (%v), takes %d", c.bytes, err, size)
	}
}
