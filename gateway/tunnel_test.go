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

// echoUpgrade agrees to a websocket and sends back every byte.
func echoUpgrade(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "websocket" {
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", r.Header.Get("Sec-WebSocket-Key"))
	_ = rw.Flush()
	_, _ = io.Copy(conn, rw)
}

// upgraded asks for a websocket on path and returns the connection and the answer.
func upgraded(t *testing.T, addr, path, ahead string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n%s", path, ahead)
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, reader, resp
}

func TestWebsocketsPassWhereHeadersAllow(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		host := upstream(t, echoUpgrade)
		g := start(t,
			noop("GET /all", host, "/", inputHeaders("*"), timeout(2*time.Second)),
			noop("GET /listed", host, "/", inputHeaders("Connection", "Upgrade", "Sec-WebSocket-Key")),
			noop("GET /closed", host, "/"))
		for _, path := range []string{"/all", "/listed"} {
			conn, reader, resp := upgraded(t, g.Addr(), path, "early")
			if resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "websocket" || resp.Header.Get("X-Krakend") == "" {
				t.Fatalf("%s: got %v", path, resp)
			}
			want := "early"
			for _, text := range []string{"", "hello", "again"} {
				want += text
				if _, err := io.WriteString(conn, text); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(want))
				if _, err := io.ReadFull(reader, got); err != nil || string(got) != want {
					t.Fatalf("%s: got %q, %v", path, got, err)
				}
				want = ""
			}
		}
		if _, _, resp := upgraded(t, g.Addr(), "/closed", ""); resp.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("without upgrade headers: got %d", resp.StatusCode)
		}
	})
}

func TestWebsocketsEndWithTheGateway(t *testing.T) {
	bothWays(t, func(t *testing.T, start starter) {
		g := start(t, noop("GET /ws", upstream(t, echoUpgrade), "/", inputHeaders("*")))
		_, reader, resp := upgraded(t, g.Addr(), "/ws", "")
		if resp.StatusCode != 101 {
			t.Fatalf("got %d", resp.StatusCode)
		}
		if err := g.stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.ReadByte(); err == nil {
			t.Error("the websocket should have ended")
		}
	})
}
