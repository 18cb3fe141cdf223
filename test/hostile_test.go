package test

import (
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// status returns a number of /proc/PID/status in KiB: VmRSS, VmHWM.
func (p *process) memory(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// files returns how many file descriptors the process has open.
func (p *process) files(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// repeated is an endless text.
type repeated byte

func (r repeated) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r)
	}
	return len(b), nil
}

// A body of 100 MB is refused by every door, for whoever knocks, and takes no more
// memory than the limits say.
func TestBodiesOf100MBAreRefusedInBoundedMemory(t *testing.T) {
	h := openPlatform(t)
	id, admin := h.platform.applicationID(t), "Bearer "+adminToken
	const size = 100 << 20
	send := func(path string, want int, declared, zipped bool, headers ...string) {
		body := io.MultiReader(strings.NewReader(`{"name":"`), io.LimitReader(repeated('a'), size))
		if zipped {
			r, w := io.Pipe()
			go func() {
				z := gzip.NewWriter(w)
				_, err := io.Copy(z, io.MultiReader(strings.NewReader(`[{"user_id":"`), io.LimitReader(repeated('a'), size)))
				if err == nil {
					err = z.Close()
				}
				w.CloseWithError(err)
			}()
			defer r.Close()
			body = r
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.platform.url+path, body)
		if err != nil {
			t.Error(err)
			return
		}
		if declared {
			req.ContentLength = size + int64(len(`{"name":"`))
		}
		req.Header.Set("Content-Type", "application/json")
		if zipped {
			req.Header.Set("Content-Encoding", "gzip")
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			// The connection may be closed before the rest of the body is written.
			t.Logf("%s: %v", path, err)
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode != want {
			answer, err := io.ReadAll(resp.Body)
			t.Errorf("%s declared %v zipped %v: %d %s %v, want %d", path, declared, zipped, resp.StatusCode, answer, err, want)
		}
	}
	before := h.platformProcess.memory(t, "VmHWM")
	var all sync.WaitGroup
	for _, declared := range []bool{true, false} {
		for range 3 {
			all.Go(func() { send("/v1/events/batch", 413, declared, false, "X-Moesif-Application-Id", id) })
			all.Go(func() { send("/v1/events/batch", 401, declared, false, "X-Moesif-Application-Id", "wrong") })
			all.Go(func() { send("/v1/~/governance/rules", 413, declared, false, "Authorization", admin) })
			all.Go(func() { send("/v1/~/governance/rules", 401, declared, false) })
			all.Go(func() { send("/v1/search/~/search/events", 413, declared, false, "Authorization", admin) })
			all.Go(func() { send("/api/v1/session", 413, declared, false) })
			all.Go(func() { send("/api/v1/rules", 401, declared, false) })
			all.Wait()
		}
		send("/api/v1/rules", 413, declared, false, "Authorization", admin)
	}
	all.Go(func() { send("/v1/users/batch", 413, false, true, "X-Moesif-Application-Id", id) })
	all.Wait()
	after := h.platformProcess.memory(t, "VmHWM")
	t.Logf("at most %d MiB resident, %d MiB before", after>>10, before>>10)
	if grown := (after - before) >> 10; grown > 700 && !raceEnabled {
		t.Errorf("they took %d MiB", grown)
	}
	if b := h.platform.pipeline(t); b.Received != 0 {
		t.Errorf("something of them was taken: %+v", b)
	}
}

var slowConnections = flag.Int("slow-connections", 2000, "how many slow connections there are at one time")

// Clients that never finish their request take neither the files nor the memory of
// those that do, and are sent away after ten seconds.
func TestSlowConnectionsAreBoundedAndOthersAreServed(t *testing.T) {
	h := openPlatform(t)
	id := h.platform.applicationID(t)
	files, memory := h.platformProcess.files(t), h.platformProcess.memory(t, "VmRSS")
	conns := make([]net.Conn, 0, *slowConnections)
	t.Cleanup(func() {
		for _, c := range conns {
			c.Close()
		}
	})
	dialer := net.Dialer{Timeout: 30 * time.Second}
	heads := []string{"", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Moe", "\x16\x03\x01"}
	for i := range *slowConnections {
		c, err := dialer.DialContext(t.Context(), "tcp", h.listen)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		_, _ = io.WriteString(c, heads[i%len(heads)]) // it may have been sent away already
	}
	most := h.platformProcess.files(t)
	// Somebody who works is served meanwhile, on connections of his own.
	slowest := time.Duration(0)
	for i := range 20 {
		for _, c := range conns[:min(200, len(conns))] {
			_, _ = io.WriteString(c, "x")
		}
		began := time.Now()
		body := fmt.Sprintf(`{"request":{"time":%q,"uri":"https://api.test/things/%d","verb":"GET","headers":{}},"user_id":"u"}`, time.Now().UTC().Format(time.RFC3339Nano), i)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.platform.url+"/v1/events", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Moesif-Application-Id", id)
		req.Close = true
		if status, answer := fetch(t, req); status != http.StatusCreated {
			t.Errorf("a call among the slow ones: %d %s", status, answer)
		}
		cancel()
		slowest = max(slowest, time.Since(began))
	}
	grown := (h.platformProcess.memory(t, "VmRSS") - memory) >> 10
	t.Logf("%d slow connections: %d files (%d before), %d MiB more, the slowest of the others took %s", len(conns), most, files, grown, slowest)
	if most > files+8192+100 || grown > 400 && !raceEnabled {
		t.Errorf("%d files and %d MiB for %d slow connections", most, grown, len(conns))
	}
	eventually(t, 60*time.Second, "the slow ones sent away", func() bool { return h.platformProcess.files(t) < files+100 })
	eventually(t, 20*time.Second, "the calls of the others stored", func() bool { return h.platform.pipeline(t).Stored == 20 })
}
