package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// uploaded sends a body of n bytes over a connection of its own, and returns the answer.
func uploaded(t *testing.T, g *running, path string, n int64) reply {
	t.Helper()
	conn, err := net.Dial("tcp", g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nContent-Type: application/octet-stream\r\n\r\n", path, n); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 256<<10)
	for left := n; left > 0; left -= int64(len(part)) {
		if _, err := conn.Write(part[:min(left, int64(len(part)))]); err != nil {
			t.Fatalf("with %d bytes to go: %v", left, err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp, string(text)}
}

// A body on its way to one backend is never in memory: `make soak` sends a gigabyte.
func TestLargeUploadsTakeNoMemory(t *testing.T) {
	const size = 256 << 20
	bothWays(t, func(t *testing.T, start starter) {
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprintf(w, `{"bytes":%d,"whole":%v}`, n, err == nil)
		})
		long := timeout(time.Minute)
		g := start(t, noop("POST /noop", host, "/", long), object("POST /json", host, "/", long))
		for _, path := range []string{"/noop", "/json"} {
			var got reply
			used := allocated(func() { got = uploaded(t, g, path, size) })
			if want := fmt.Sprintf(`{"bytes":%d,"whole":true}`, size); got.StatusCode != 200 || got.Text != want {
				t.Errorf("%s: got %d %s", path, got.StatusCode, got.Text)
			}
			if used > 16<<20 {
				t.Errorf("%s: %d MiB were allocated", path, used>>20)
			}
		}
	})
}
