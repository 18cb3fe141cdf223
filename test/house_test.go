package test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// house is a platform and a gateway before a real upstream, each a process of its own.
type house struct {
	*gateway
	dir, listen     string
	platform        platformAPI
	platformProcess *process
}

func openHouse(t *testing.T) *house {
	t.Helper()
	h := openPlatform(t)
	h.gateway = openGateway(t, gatewayOptions{platform: h.platform, upstream: openUpstream(t)})
	return h
}

// openPlatform is a house without a gateway.
func openPlatform(t *testing.T) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), listen: "127.0.0.1:" + strconv.Itoa(freePort(t))}
	h.platform.url = "http://" + h.listen
	h.startPlatform(t)
	return h
}

func (h *house) startPlatform(t *testing.T) {
	t.Helper()
	h.platformProcess = start(t, nil, []string{"platform", "--data", h.dir, "--listen", h.listen}, h.platform.url+"/readyz")
}

// openUpstream is a backend that answers at once.
func openUpstream(t *testing.T) (address string) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"path":%q}`, r.URL.Path)
	}))
	t.Cleanup(upstream.Close)
	return upstream.URL
}

// openQuickUpstream is a backend that costs next to nothing, for a load.
func openQuickUpstream(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				defer conn.Close()
				answerQuickly(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return "http://" + l.Addr().String()
}

// answerQuickly answers each head of a request, whatever is in it.
func answerQuickly(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) > len("\r\n") {
			continue
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"); err != nil {
			return
		}
	}
}

var thing = regexp.MustCompile(`/things/(\d+)`)

// stored returns how often each numbered call is in the store, of the events that
// query selects.
func (h *house) stored(t *testing.T, query url.Values) map[int]int {
	t.Helper()
	found, ids := map[int]int{}, map[string]bool{}
	for _, e := range h.platform.rows(t, query) {
		m := thing.FindStringSubmatch(e.Request.URI)
		if m == nil {
			t.Fatalf("an event nobody caused: %s", e.Request.URI)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if want := userOf(n); e.UserID != want || e.Weight > 1 {
			t.Errorf("the event of call %d is of user %q and weight %d, want %q and 1", n, e.UserID, e.Weight, want)
		}
		if e.TransactionID == "" || ids[e.TransactionID] {
			t.Errorf("the transaction id %q of call %d is there twice", e.TransactionID, n)
		}
		ids[e.TransactionID] = true
		found[n]++
	}
	return found
}

// wantStored waits until everything is drained: n events or more.
func (h *house) wantStored(t *testing.T, n int, within time.Duration) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("%d events in the store", n), func() bool {
		b := h.platform.pipeline(t)
		return b.InFlight == 0 && b.Stored >= int64(n)
	})
}

// wantStoredOnce wants each answered call in the store exactly once, all drained.
func (h *house) wantStoredOnce(t *testing.T, answered []int, within time.Duration) {
	t.Helper()
	h.wantStored(t, len(answered), within)
	found := h.stored(t, url.Values{})
	for _, n := range answered {
		if found[n] != 1 {
			t.Errorf("call %d was answered and is stored %d times", n, found[n])
		}
	}
}

// wantAllStoredOnce wants the calls 0 to n-1 in the store exactly once, and nothing
// else. It looks at customer after customer, at several at a time.
func (h *house) wantAllStoredOnce(t *testing.T, n int, within time.Duration) {
	t.Helper()
	h.wantStored(t, n, within)
	t.Run("customers", func(t *testing.T) {
		for first := range users {
			t.Run(userOf(first), func(t *testing.T) {
				t.Parallel()
				found := h.stored(t, url.Values{"user_id": {userOf(first)}})
				for i := first; i < n; i += users {
					if found[i] != 1 {
						t.Errorf("call %d was answered and is stored %d times", i, found[i])
					}
				}
			})
		}
	})
}
