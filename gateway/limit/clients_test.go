package limit

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func clientsOf(h *hand, perSecond float64, capacity, shards int) *clients {
	return newClients(&config.RateLimit{
		Client: config.Rate{PerSecond: perSecond, Capacity: capacity}, Shards: shards, CleanupPeriod: time.Minute,
	}, h.now)
}

func (c *clients) count() (n int) {
	for i := range c.shards {
		n += len(c.shards[i].full)
	}
	return n
}

func TestClientsDoNotShareABucket(t *testing.T) {
	h := &hand{}
	c := clientsOf(h, 1, 1, 16)
	for range 3 {
		for _, key := range []string{"a", "b", strings.Repeat("x", 1<<20)} {
			if !c.allow(key) {
				t.Errorf("%.3s is refused", key)
			}
			if c.allow(key) {
				t.Errorf("%.3s passes twice", key)
			}
		}
		h.move(time.Second)
	}
}

func TestClientsWithAFullBucketAreForgotten(t *testing.T) {
	h := &hand{}
	c := clientsOf(h, 1, 100, 1)
	for i := range 1000 {
		c.allow(strconv.Itoa(i))
	}
	for range 90 {
		c.allow("busy")
	}
	h.move(time.Minute)
	c.allow("new")
	if n := c.count(); n != 2 {
		t.Errorf("%d clients are remembered, want the busy and the new one", n)
	}
	for n := range 100 {
		if passes := c.allow("busy"); passes != (n < 70) {
			t.Fatalf("call %d of the busy client: %v", n, passes)
		}
	}
}

func TestClientsAreBounded(t *testing.T) {
	h := &hand{}
	c := clientsOf(h, 1, 5, 2)
	c.most = 50
	for range 5 {
		c.allow("greedy")
	}
	for i := range 10_000 {
		c.allow(strconv.Itoa(i))
	}
	if n := c.count(); n > 100 {
		t.Errorf("%d clients are remembered, at most 100 may be", n)
	}
	if c.allow("greedy") {
		t.Error("who has used the limit up is forgotten before those who have not")
	}
	if c := clientsOf(h, 1, 1, 1<<16); len(c.shards) > mostShards || c.most*len(c.shards) > mostClients {
		t.Errorf("%d shards of %d", len(c.shards), c.most)
	}
}

func TestKeysTellClientsApart(t *testing.T) {
	ip := func(*http.Request) string { return "192.0.2.1" }
	for _, tt := range []struct {
		strategy config.Strategy
		header   string
		want     string
	}{
		{config.Strategy{By: "ip"}, "203.0.113.7", "192.0.2.1"},
		{config.Strategy{By: "ip", Key: "X-Key"}, "203.0.113.7", "203.0.113.7"},
		{config.Strategy{By: "ip", Key: "X-Key"}, " 203.0.113.7:1234 , 198.51.100.1", "203.0.113.7"},
		{config.Strategy{By: "ip", Key: "X-Key"}, "[2001:db8::1]:80", "2001:db8::1"},
		{config.Strategy{By: "ip", Key: "X-Key"}, "2001:db8::1", "2001:db8::1"},
		{config.Strategy{By: "ip", Key: "X-Key"}, "no address", "192.0.2.1"},
		{config.Strategy{By: "ip", Key: "X-Key"}, "", "192.0.2.1"},
		{config.Strategy{By: "header", Key: "X-Key"}, "a, b", "a, b"},
		{config.Strategy{By: "header", Key: "X-Key"}, "", ""},
		{config.Strategy{By: "param", Key: "id"}, "", "7"},
		{config.Strategy{By: "param", Key: "other"}, "", ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		if tt.header != "" {
			r.Header.Set("X-Key", tt.header)
		}
		if got := newKey(tt.strategy, []string{"shop", "id"}, ip)(r, []string{"s", "7"}); got != tt.want {
			t.Errorf("%+v with %q: %q, want %q", tt.strategy, tt.header, got, tt.want)
		}
	}
}

func FuzzLeftmostAddress(f *testing.F) {
	for _, s := range []string{"", "1.2.3.4", "[::1]:80, x", "fe80::1%eth0", ",", "::ffff:1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ip := leftmost(s); ip.IsValid() && ip.Is4In6() {
			t.Errorf("%q: %v is an IPv4 address in another spelling", s, ip)
		}
	})
}
