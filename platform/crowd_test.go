package platform

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestSlowClientsMakeRoomAndWorkingOnesStay fills a crowd of four.
func TestSlowClientsMakeRoomAndWorkingOnesStay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := newCrowd(l, 4)
	entered, leave := make(chan struct{}), make(chan struct{})
	server := &http.Server{ConnContext: c.connContext, Handler: working(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			entered <- struct{}{}
			<-leave
		}
	}))}
	served := make(chan error, 1)
	go func() { served <- server.Serve(c) }()
	address := l.Addr().String()
	dial := func(text string) net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	const request = "GET /long HTTP/1.1\r\nHost: x\r\n\r\n"
	long := []net.Conn{dial(request), dial(request)}
	<-entered
	<-entered
	slow := []net.Conn{dial("GET / HTTP/1.1\r\nHost:"), dial("GET / HTTP/1.1\r\nHost:")}
	gone := func(conn net.Conn) error { _, err := conn.Read(make([]byte, 1)); return err }
	// Each that comes now takes the place of the slowest.
	long = append(long, dial(request))
	<-entered
	if err := gone(slow[0]); err == nil {
		t.Error("the slowest client stays")
	}
	long = append(long, dial(request))
	<-entered
	if err := gone(slow[1]); err == nil {
		t.Error("the other slow client stays")
	}
	// All four work: another one is refused.
	refused := dial("")
	if err := gone(refused); err == nil {
		t.Error("a fifth client is let in")
	}
	close(leave)
	for i, conn := range long {
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("client %d was not answered: %v", i, err)
		}
	}
	again := dial("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if _, err := again.Read(make([]byte, 1)); err != nil {
		t.Errorf("later nobody is answered: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
