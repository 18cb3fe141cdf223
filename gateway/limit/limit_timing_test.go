package limit

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// What a request pays for its limits, with eight others beside it.
func BenchmarkAdmit(b *testing.B) {
	l := &config.RateLimit{
		All: config.Rate{PerSecond: 1e9, Capacity: 1 << 30}, Client: config.Rate{PerSecond: 1e9, Capacity: 1 << 30},
		Strategy: config.Strategy{By: "header", Key: "X-Key"}, Shards: 2048, CleanupPeriod: time.Minute,
	}
	limit := NewRate(l, nil, &Options{})
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequestWithContext(b.Context(), "GET", "/", nil)
		r.Header.Set("X-Key", "somebody")
		w := httptest.NewRecorder()
		for pb.Next() {
			if _, ok := limit.Admit(w, r, nil); !ok {
				b.Fatal("refused")
			}
		}
	})
}
