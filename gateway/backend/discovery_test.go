package backend

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// names is a DNS server that knows the SRV records of one name.
type names struct {
	mu      sync.Mutex
	records []dnsmessage.SRVResource // none: the name does not exist
	asked   atomic.Int32
	address string
}

func newNames(t *testing.T) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{address: conn.LocalAddr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 512)
		for {
			length, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer, err := n.answer(packet[:length]); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return n
}

func (n *names) answer(packet []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return nil, err
	}
	n.asked.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	m.Response, m.Additionals = true, nil
	if len(n.records) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	}
	for i := range n.records {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &n.records[i],
		})
	}
	return m.Pack()
}

// tell sets the records: "priority weight target port".
func (n *names) tell(t *testing.T, records ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records = nil
	for _, r := range records {
		f := strings.Fields(r)
		n.records = append(n.records, dnsmessage.SRVResource{
			Priority: number(t, f[0]), Weight: number(t, f[1]), Target: dnsmessage.MustNewName(f[2] + "."), Port: number(t, f[3]),
		})
	}
}

func number(t *testing.T, text string) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// discovered is a backend whose records n has, with a clock that stands still.
func discovered(t *testing.T, n *names, pattern string, clock *atomic.Int64) *Backend {
	t.Helper()
	b, err := New(&config.Backend{
		URLPattern: pattern, Discovery: &config.Discovery{Name: "api.example.com", Scheme: "http", TTL: 30 * time.Second}, Encoding: "string",
	}, []string{"id"}, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	b.discovery.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", n.address)
	}}
	b.discovery.now = func() time.Time { return time.Unix(clock.Load(), 0) }
	t.Cleanup(func() { // a question may still be on its way: the DNS is to answer it before it ends
		_, _, _ = b.discovery.asking.Do("", func() (any, error) { return nil, nil })
	})
	return b
}

func (b *Backend) hostsNow(t *testing.T) []string {
	t.Helper()
	all, err := b.discovery.places(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, h := range all.hosts {
		list = append(list, h.host)
	}
	slices.Sort(list)
	return list
}

func TestHostsAreTheRecordsOfTheLowestPriorityByWeight(t *testing.T) {
	for _, c := range []struct {
		records []string
		want    string // host and how often
	}{
		{[]string{"1 0 a.x 80"}, "a.x:80 1"},
		{[]string{"2 5 c.x 80", "1 10 a.x 80", "1 30 b.x 81"}, "a.x:80 1, b.x:81 3"},
		{[]string{"1 0 a.x 80", "1 0 b.x 80"}, "a.x:80 1, b.x:80 1"},
		{[]string{"1 0 a.x 80", "1 10 b.x 80"}, "a.x:80 1, b.x:80 10"},
		{[]string{"1 1 a.x 80", "1 65535 b.x 80"}, "a.x:80 1, b.x:80 99"},
		{[]string{"1 300 a.x 80", "1 500 b.x 80", "1 201 c.x 80"}, "a.x:80 29, b.x:80 49, c.x:80 20"},
	} {
		n := newNames(t)
		n.tell(t, c.records...)
		list := discovered(t, n, "/", new(atomic.Int64)).hostsNow(t)
		var got []string
		for len(list) > 0 {
			times := 1
			for times < len(list) && list[times] == list[0] {
				times++
			}
			got = append(got, list[0]+" "+strconv.Itoa(times))
			list = list[times:]
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%q: got %s, want %s", c.records, strings.Join(got, ", "), c.want)
		}
	}
}

func TestRecordsAreLookedUpAgainAndTheLastGoodOnesKept(t *testing.T) {
	n := newNames(t)
	clock := new(atomic.Int64)
	clock.Store(1000)
	b := discovered(t, n, "/", clock)
	if _, err := b.discovery.places(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "no hosts available: lookup api.example.com") {
		t.Errorf("got error %v", err)
	}
	n.tell(t, "1 1 a.x 80")
	asked := n.asked.Load()
	if _, err := b.discovery.places(t.Context()); err == nil || n.asked.Load() != asked {
		t.Error("a failure is not kept for a moment")
	}
	clock.Add(1)
	if got := b.hostsNow(t); !slices.Equal(got, []string{"a.x:80"}) {
		t.Errorf("got %q", got)
	}
	n.tell(t, "1 1 b.x 80")
	asked = n.asked.Load()
	clock.Add(29)
	if got := b.hostsNow(t); !slices.Equal(got, []string{"a.x:80"}) || n.asked.Load() != asked {
		t.Errorf("got %q, and the DNS was asked within the TTL", got)
	}
	clock.Add(1)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if got := b.hostsNow(t); slices.Equal(got, []string{"b.x:80"}) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the records are not looked up again")
		}
	}
	n.tell(t)
	clock.Add(30)
	asked = n.asked.Load()
	for deadline := time.Now().Add(10 * time.Second); n.asked.Load() == asked; {
		if got := b.hostsNow(t); !slices.Equal(got, []string{"b.x:80"}) {
			t.Fatalf("the last good answer is gone: %q", got)
		}
		if time.Now().After(deadline) {
			t.Fatal("the records are not looked up again")
		}
	}
}

func TestCallsGoToDiscoveredHosts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RequestURI)
	}))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	n := newNames(t)
	n.tell(t, "1 1 localhost "+u.Port())
	for pattern, want := range map[string]string{"/fixed?a=1": "/fixed?a=1", "/u/{id}": "/u/7"} {
		b := discovered(t, n, pattern, new(atomic.Int64))
		answer, err := b.Fetch(t.Context(), &Call{Values: []string{"7"}, Header: http.Header{}})
		if err != nil || answer.Data["content"] != want {
			t.Errorf("%s: got %+v, %v", pattern, answer, err)
		}
	}
}

func TestLookupEndsWithTheCall(t *testing.T) {
	n := newNames(t)
	b := discovered(t, n, "/", new(atomic.Int64))
	hung := make(chan struct{})
	b.discovery.resolver.Dial = func(context.Context, string, string) (net.Conn, error) {
		<-hung
		return nil, io.EOF
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.discovery.places(ctx); err == nil || err.Error() != "context deadline exceeded" {
		t.Errorf("got error %v", err)
	}
	close(hung)
}
