package pipe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Tunnels are the upgraded connections of a gateway, which http.Server.Shutdown
// knows nothing of.
type Tunnels struct {
	mu     sync.Mutex
	closed bool
	open   map[net.Conn]io.Closer // client → backend
}

// add registers a tunnel; false when there shall be none any more.
func (t *Tunnels) add(client net.Conn, backend io.Closer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.open == nil {
		t.open = make(map[net.Conn]io.Closer)
	}
	t.open[client] = backend
	return true
}

func (t *Tunnels) remove(client net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, client)
}

// Close ends all tunnels; none can be opened afterwards.
func (t *Tunnels) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for client, backend := range t.open {
		_ = client.Close()
		_ = backend.Close()
	}
}

// tunnel answers 101 and hands bytes on in both directions until one side ends.
// The endpoint's timeout has been for the handshake.
func (s *stream) tunnel(w http.ResponseWriter, r *http.Request, resp *http.Response) {
	client, backend, err := s.upgrade(w, r, resp)
	if err != nil {
		_ = resp.Body.Close()
		s.fail(w, r, err)
		return
	}
	defer func() { _ = client.Close() }()
	defer func() { _ = backend.Close() }()
	if !s.tunnels.add(client, backend) {
		return
	}
	defer s.tunnels.remove(client)

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(backend, client.buffered) // either side may end it
		_ = backend.Close()
	}()
	_, _ = io.Copy(client.Conn, backend)
	// The backend has ended: let the last bytes reach the client before the close.
	if half, ok := client.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = client.SetReadDeadline(time.Now().Add(time.Second))
	<-sent
}

// taken is the client's connection, with what the server had read of it ahead.
type taken struct {
	net.Conn
	buffered *bufio.Reader
}

func (s *stream) upgrade(w http.ResponseWriter, r *http.Request, resp *http.Response) (*taken, io.ReadWriteCloser, error) {
	asked, agreed := upgradeOf(r.Header), upgradeOf(resp.Header)
	if !s.inbound.upgrade || asked == "" || !strings.EqualFold(asked, agreed) {
		return nil, nil, fmt.Errorf("the backend changes to protocol %q, the client asked for %q", agreed, asked)
	}
	backend, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return nil, nil, errors.New("the transport can't upgrade a connection")
	}
	h := w.Header()
	copyHeader(h, resp.Header)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{agreed}
	conn, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("taking over the client's connection: %w", err)
	}
	client := &taken{Conn: conn, buffered: buffer.Reader}
	if err := accept(client, buffer.Writer, h); err != nil {
		s.logger.DebugContext(r.Context(), "upgrade cut short", "endpoint", s.name, "error", err)
	}
	return client, backend, nil // a dead connection ends the tunnel at once
}

func accept(client *taken, w *bufio.Writer, h http.Header) error {
	if err := client.SetDeadline(time.Time{}); err != nil {
		return err
	}
	_, err := w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	if err == nil {
		err = h.Write(w)
	}
	if err == nil {
		_, err = w.WriteString("\r\n")
	}
	if err == nil {
		err = w.Flush()
	}
	return err
}
