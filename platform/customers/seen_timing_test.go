package customers_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/customers"
)

// BenchmarkSeen tells of loads of 10,000 events by 5,000 users of 300 companies: to a
// store that gathers, with a flush every fifteen loads, and to one that
// has to write everything, and reports the time for an event.
func BenchmarkSeen(b *testing.B) {
	for name, every := range map[string]int{"gathered": 15, "written": 1} {
		b.Run(name, func(b *testing.B) {
			s, db := openStoreAndState(b)
			at := noon
			const events = 10_000
			b.ResetTimer()
			for i := range b.N {
				at = at.Add(time.Second)
				said := map[string]customers.Seen{}
				for range events {
					n := rand.IntN(5000)
					user, company := fmt.Sprint("user-", n), fmt.Sprint("company-", n%300)
					said[user] = customers.Seen{Kind: customers.KindUser, ID: user, First: at, Last: at, Company: company}
					said[company] = customers.Seen{Kind: customers.KindCompany, ID: company, First: at, Last: at}
				}
				list := make([]customers.Seen, 0, len(said))
				for _, v := range said {
					list = append(list, v)
				}
				if every == 1 {
					s = customers.New(db, time.Now)
				}
				if err := s.Seen(b.Context(), "app", list); err != nil {
					b.Fatal(err)
				}
				if i%every == every-1 {
					if err := s.Flush(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/events/float64(b.N), "µs/event")
		})
	}
}
