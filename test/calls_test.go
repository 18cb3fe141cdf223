package test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// users is how many customers the numbered calls come from.
const users = 40

// userOf is the customer who makes the n-th call.
func userOf(n int) string { return fmt.Sprintf("user-%d", n%users) }

// call sends n requests numbered from first and returns the numbers that were answered.
func (g *gateway) call(t *testing.T, first, n, clients int) (answered []int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	ok := make([]bool, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/things/%d", g.url, first+i), nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-User-Id", userOf(first+i))
				resp, err := client.Do(req)
				if err != nil {
					continue
				}
				resp.Body.Close()
				ok[i] = resp.StatusCode == http.StatusOK
			}
		})
	}
	wait.Wait()
	for i, ok := range ok {
		if ok {
			answered = append(answered, first+i)
		}
	}
	return answered
}

// load is many numbered calls over few connections, several on the way in each,
// so that the gateway is what is slow. Every call must be answered with 200.
type load struct {
	address string
	first   int
	n       int
	done    atomic.Int64 // calls answered

	cancel context.CancelFunc
	ended  chan struct{} // closed when all clients have ended

	mu       sync.Mutex      // guards what is below
	next     int             // the next call, from 0
	held     int             // calls not to be made yet
	released chan struct{}   // closed, and replaced, when there are fewer of them
	failures []error         // at most one a client
	waits    []time.Duration // how long each call took
}

const (
	loadClients = 8
	pipelined   = 8 // calls on the way in each connection
)

// load begins n calls numbered from first, but holds the last of them back.
func (g *gateway) load(t *testing.T, first, n, held int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{
		address: strings.TrimPrefix(g.url, "http://"), first: first, n: n, cancel: cancel, ended: make(chan struct{}),
		held: held, released: make(chan struct{}),
	}
	var clients sync.WaitGroup
	for range loadClients {
		clients.Go(func() {
			if err := l.client(ctx); err != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.failures = append(l.failures, err)
			}
		})
	}
	go func() {
		clients.Wait()
		close(l.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-l.ended
	})
	return l
}

// client makes calls over one connection until there are no more.
func (l *load) client(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	var waits []time.Duration
	for {
		from, to := l.take(ctx)
		if from == to {
			break
		}
		for i := from; i < to; i++ {
			fmt.Fprintf(out, "GET /things/%d HTTP/1.1\r\nHost: %s\r\nX-User-Id: %s\r\n\r\n", l.first+i, l.address, userOf(l.first+i))
		}
		sent := time.Now()
		if err := errors.Join(conn.SetDeadline(sent.Add(time.Minute)), out.Flush()); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			if err := answer(in); err != nil {
				return fmt.Errorf("call %d: %w", l.first+i, err)
			}
			waits = append(waits, time.Since(sent))
			l.done.Add(1)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits = append(l.waits, waits...)
	return nil
}

// take returns the next calls to make, from and up to; none when there are no more.
func (l *load) take(ctx context.Context) (from, to int) {
	for {
		l.mu.Lock()
		from, to = l.next, min(l.next+pipelined, l.n-l.held)
		over, released := l.next == l.n, l.released
		l.next = max(from, to)
		l.mu.Unlock()
		if from < to {
			return from, to
		}
		if over {
			return 0, 0
		}
		select {
		case <-released:
		case <-ctx.Done():
			return 0, 0
		}
	}
}

// hold lets all calls be made but the last held.
func (l *load) hold(held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
	close(l.released)
	l.released = make(chan struct{})
}

// answer reads one answer, which must be a 200 of known length. It is no
// http.ReadResponse because that costs more than the gateway does.
func answer(in *bufio.Reader) error {
	status, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		return fmt.Errorf("answered with %q", status)
	}
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		name, value, ok := bytes.Cut(line, []byte(": "))
		if !ok {
			break
		}
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without Content-Length")
	}
	_, err = in.Discard(length)
	return err
}

// progress waits until n more calls were answered.
func (l *load) progress(t *testing.T, n int) {
	t.Helper()
	until := l.done.Load() + int64(n)
	eventually(t, time.Minute, fmt.Sprintf("%d more calls answered", n), func() bool {
		select {
		case <-l.ended: // it failed, or these were the last
			return true
		default:
			return l.done.Load() >= until
		}
	})
}

// wait returns when all calls were answered: how long each took.
func (l *load) wait(t *testing.T) []time.Duration {
	t.Helper()
	<-l.ended
	if len(l.failures) > 0 {
		t.Fatalf("%d of %d calls were answered: %v", l.done.Load(), l.n, errors.Join(l.failures...))
	}
	return l.waits
}
