package collect_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/journal"
	"golang.org/x/sys/unix"
)

// forgetful is a journal that costs nothing.
type forgetful struct{}

func (forgetful) Append(context.Context, journal.Batch) (journal.Receipt, error) {
	return journal.Receipt{}, nil
}

// BenchmarkBatchOf200 shows what the collector itself spends on an event of
// about 1.1 KB, as it is and compressed.
func BenchmarkBatchOf200(b *testing.B) {
	var batch strings.Builder
	for i := range 200 {
		fmt.Fprintf(&batch, `%s{"transaction_id":"019ab5c2-7e1f-7c3a-9d54-%012d","request":{"time":"%s","uri":"https://api.test/orders/%d","verb":"POST",`+
			`"headers":{"Accept":"application/json","User-Agent":"shop/1.%d"},"body":{"items":[%s]}},`+
			`"response":{"time":"%s","status":201,"headers":{"Content-Type":"application/json"},"body":{"id":%d,"state":"open"}},"user_id":"user-%d","company_id":"c-%d"}`,
			[]string{",", "["}[btoi(i == 0)], i, now, i, i, strings.TrimSuffix(strings.Repeat(`{"sku":"A-1234","quantity":3},`, 20), ","), now, i, i%50, i%7)
	}
	batch.WriteString("]")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, batch.String()); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	for name, body := range map[string]string{"identity": batch.String(), "gzip": packed.String()} {
		b.Run(name, func(b *testing.B) {
			f := setUp(b)
			f.collector.Journal = forgetful{}
			b.SetBytes(int64(batch.Len()))
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v1/events/batch", strings.NewReader(body))
				r.Header.Set("X-Moesif-Application-Id", f.app.ApplicationID)
				r.Header.Set("Content-Encoding", name)
				w := httptest.NewRecorder()
				f.collector.ServeHTTP(w, r)
				if w.Code != http.StatusCreated {
					b.Fatal(w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(b.N)*200/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric((processorTime(b)-before).Seconds()*1e6/float64(b.N)/200, "cpu-µs/event")
		})
	}
}

// processorTime is what this process has had: on a machine that does other things
// too it says more than a clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func (forgetful) Ready() error { return nil }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
