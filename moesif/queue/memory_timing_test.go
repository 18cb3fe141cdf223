package queue

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// words are what made-up bodies are about.
var words = strings.Fields(`amber anchor april bakery basket beacon birch bottle bridge cactus candle canvas carbon castle
cedar chalk cherry circle cobalt copper coral cotton crystal dawn delta desert diamond dolphin eagle ember engine falcon feather
fennel fern filter forest fossil galaxy garden ginger glacier granite harbor hazel helmet honey indigo island ivory jasmine
jungle juniper kernel kettle ladder lagoon lantern lemon linen lotus magnet maple marble meadow mirror mosaic nectar nickel
nutmeg oasis ocean olive onyx orchid oxygen paddle panther paper pebble pepper pepper pilot planet plum pocket poplar quartz
rabbit raven ribbon river rocket saddle saffron sailor salmon sapphire shadow silver sphinx spiral spruce summit sunset tablet
temple thunder timber topaz tulip tunnel turtle umbrella valley velvet violet walnut willow window winter yellow zephyr zinc`)

// varied makes up n exchanges of a shop's API as a gateway sees them, of about
// 1.5 KB each, no two alike: a dozen routes, their bodies, clients and customers.
func varied(n int) []*recorded {
	rnd := rand.New(rand.NewPCG(3, 4))
	word := func() string { return words[rnd.IntN(len(words))] }
	text := func(most int) string {
		s := word()
		for range rnd.IntN(most) {
			s += " " + word()
		}
		return s
	}
	hex := func() string { return fmt.Sprintf("%016x", rnd.Uint64()) }
	routes := []string{"orders", "customers", "invoices", "products", "carts", "payments", "shipments", "reviews", "search", "returns", "prices", "stock"}
	agents := []string{"okhttp/4.12.0", "axios/1.7.2", "python-requests/2.32.3", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", "Go-http-client/2.0", "curl/8.9.1"}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	object := func(route string) map[string]any {
		return map[string]any{
			"id": hex(), "type": strings.TrimSuffix(route, "s"), "name": text(3), "description": text(54), "sku": strings.ToUpper(word()[:3]) + "-" + strconv.Itoa(rnd.IntN(100000)),
			"price":      map[string]any{"amount": fmt.Sprintf("%d.%02d", rnd.IntN(900), rnd.IntN(100)), "currency": []string{"EUR", "USD", "GBP", "SEK"}[rnd.IntN(4)]},
			"created_at": at.Add(-time.Duration(rnd.IntN(1e9)) * time.Millisecond), "active": rnd.IntN(2) == 0, "quantity": rnd.IntN(50), "tags": []string{word(), word(), word()},
		}
	}
	encode := func(v any) json.RawMessage {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return data
	}
	out := make([]*recorded, n)
	for i := range out {
		at = at.Add(time.Duration(rnd.IntN(1_000_000)) * time.Nanosecond)
		route, verb, status, user := routes[rnd.IntN(len(routes))], "GET", 200, rnd.IntN(20_000)
		e := wire.Event{
			Request: wire.Request{
				Time: at, IPAddress: fmt.Sprintf("%d.%d.%d.%d", 1+rnd.IntN(220), rnd.IntN(255), rnd.IntN(255), rnd.IntN(255)),
				URI: fmt.Sprintf("https://api.example.com/v2/%s/%s?page=%d&sort=%s", route, hex(), rnd.IntN(40), word()),
				Headers: wire.Headers{
					{Name: "Accept", Value: "application/json"}, {Name: "Accept-Encoding", Value: "gzip, deflate, br"}, {Name: "Authorization", Value: "*****"},
					{Name: "User-Agent", Value: agents[rnd.IntN(len(agents))]}, {Name: "X-Forwarded-For", Value: fmt.Sprintf("10.%d.%d.%d", rnd.IntN(255), rnd.IntN(255), rnd.IntN(255))},
					{Name: "Traceparent", Value: "00-" + hex() + hex() + "-" + hex() + "-01"},
				},
			},
			UserID: fmt.Sprintf("user-%d", user), CompanyID: fmt.Sprintf("company-%d", user%900),
			TransactionID: fmt.Sprintf("0193%04x-%04x-7%03x-8%03x-%012x", rnd.IntN(1<<16), rnd.IntN(1<<16), rnd.IntN(1<<12), rnd.IntN(1<<12), rnd.Uint64()>>16),
			Direction:     "Incoming", Weight: 1,
			Metadata: json.RawMessage(fmt.Sprintf(`{"krakend":{"region":"eu"},"gatemeter":{"route":"/v2/%s/{id}","identity":"claimed"}}`, route)),
		}
		var answer any = object(route)
		switch rnd.IntN(4) {
		case 0:
			verb, status = "POST", 201
			body := object(route)
			delete(body, "id")
			e.Request.Body = encode(body)
			e.Request.Headers = append(e.Request.Headers, wire.Header{Name: "Content-Type", Value: "application/json"})
		case 1:
			answer = []any{object(route), object(route)}
		case 2:
			answer = map[string]any{"error": map[string]any{"code": word() + "_" + word(), "message": text(30)}}
			status = []int{400, 404, 409, 422}[rnd.IntN(4)]
		}
		e.Request.Verb = verb
		data := encode(answer)
		e.Response = &wire.Response{
			Time: at.Add(time.Duration(rnd.IntN(300_000)) * time.Microsecond), Status: status, Body: data, ContentLength: int64(len(data)),
			Headers: wire.Headers{{Name: "Content-Type", Value: "application/json"}, {Name: "Etag", Value: `"` + hex() + `"`}, {Name: "X-Ratelimit-Remaining", Value: strconv.Itoa(rnd.IntN(5000))}},
		}
		out[i] = &recorded{event: e}
	}
	return out
}

// BenchmarkMillionEvents is the memory that a process takes with a million
// events of 1.5 KB in its queue, waiting for the collector.
func BenchmarkMillionEvents(b *testing.B) {
	const events = 1_000_000
	items := varied(20_000)
	plain := 0
	for _, it := range items {
		plain += len(it.AppendEvent(nil))
	}
	before := resident()
	for b.Loop() {
		q := open(b, Options{MaxBytes: 1 << 40, Workers: 2})
		for i := range events {
			for !q.Put(&recorded{event: items[i%len(items)].event}) {
				runtime.Gosched()
			}
			if i%10_000 == 0 { // what waits raw is not the question
				for q.Stats().QueuedBytes > 600<<20 {
					runtime.Gosched()
				}
			}
		}
		q.Close()
		q.mu.Lock()
		for !q.line.ended || q.line.unsealed > 0 {
			q.moved.Wait()
		}
		q.mu.Unlock()
		s := q.Stats()
		b.ReportMetric(float64(plain)/float64(len(items)), "B/event")
		b.ReportMetric(float64(s.QueuedBytes)/events, "queued-B/event")
		b.ReportMetric(float64(resident()-before)/(1<<20), "MiB-resident")
		runtime.KeepAlive(q)
	}
}

// resident is the memory of this process in bytes, after all that is free was
// given back: what Linux says, elsewhere what Go's runtime has of the system.
func resident() int64 {
	debug.FreeOSMemory()
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if n, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(n), "kB")), 10, 64)
				if err == nil {
					return kb << 10
				}
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}
