package http1

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// sweepEvery is how long a connection that its server closed may stay in the pool.
const sweepEvery = 30 * time.Second

// host holds the idle connections to one host. It comes into Transport.hosts with the
// first of them, and is dropped when it has none: redirects lead anywhere.
type host struct {
	name    string // URL.Host
	address string // with a port

	mu    sync.Mutex
	idle  []*conn     // guarded by mu; the last was used last
	sweep *time.Timer // guarded by mu; nil: not running
	gone  bool        // guarded by mu; not in Transport.hosts, or no longer
}

// address is the host and port that name means.
func address(name string) string {
	u := url.URL{Host: name}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// lookup returns the host of that name, nil when nothing is known of it.
func (t *Transport) lookup(name string) *host {
	if hosts := t.hosts.Load(); hosts != nil {
		return (*hosts)[name]
	}
	return nil
}

// known returns the host of that name, which it adds when it is new.
func (t *Transport) known(name string) *host {
	if h := t.lookup(name); h != nil {
		return h
	}
	t.growing.Lock()
	defer t.growing.Unlock()
	if h := t.lookup(name); h != nil {
		return h
	}
	h := &host{name: name, address: address(name)}
	hosts := map[string]*host{name: h}
	if old := t.hosts.Load(); old != nil {
		maps.Copy(hosts, *old)
	}
	t.hosts.Store(&hosts)
	return h
}

// drop forgets h, whose gone is set and whose mutex is not held.
func (t *Transport) drop(h *host) {
	t.growing.Lock()
	defer t.growing.Unlock()
	if t.lookup(h.name) != h {
		return
	}
	hosts := maps.Clone(*t.hosts.Load())
	delete(hosts, h.name)
	t.hosts.Store(&hosts)
}

// take returns the idle connection to name that was used last, or a new one.
func (t *Transport) take(ctx context.Context, name string) (*conn, error) {
	if t.quitting.Load() {
		t.quitting.Store(false)
	}
	h := t.lookup(name)
	if h == nil {
		return t.dial(ctx, &host{name: name, address: address(name), gone: true})
	}
	for {
		c := t.pop(h)
		if c == nil {
			return t.dial(ctx, h)
		}
		if t.IdleConnTimeout > 0 && time.Since(c.since) >= t.IdleConnTimeout || !c.alive() {
			c.close()
			continue
		}
		return c, nil
	}
}

func (t *Transport) pop(h *host) *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := len(h.idle) - 1
	if last < 0 {
		return nil
	}
	c := h.idle[last]
	h.idle[last] = nil
	h.idle = h.idle[:last]
	t.count(-1)
	return c
}

// put keeps c for the next request to its host, or closes it when there are enough.
// The caller must not touch c any more.
func (t *Transport) put(c *conn) {
	c.used = true
	c.since = time.Now()
	h := c.host
	for !t.push(h, c) {
		h = t.known(h.name)
		c.host = h
	}
	if t.MaxIdleConns > 0 && t.idle.Load() > int64(t.MaxIdleConns) {
		t.evict()
	}
}

// push returns false when h is gone.
func (t *Transport) push(h *host, c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case t.quitting.Load() || len(h.idle) >= t.perHost():
		c.close()
		return true
	case h.gone:
		return false
	}
	h.idle = append(h.idle, c)
	t.count(1)
	if h.sweep == nil {
		h.sweep = time.AfterFunc(t.sweepIn(h), func() { t.swept(h) })
	}
	return true
}

func (t *Transport) perHost() int {
	switch {
	case t.DisableKeepAlives:
		return 0
	case t.MaxIdleConnsPerHost == 0:
		return http.DefaultMaxIdleConnsPerHost
	}
	return t.MaxIdleConnsPerHost
}

func (t *Transport) count(n int) {
	if t.MaxIdleConns > 0 {
		t.idle.Add(int64(n))
	}
}

// sweepIn is when the oldest of h's idle connections has to be looked at again.
func (t *Transport) sweepIn(h *host) time.Duration {
	if t.IdleConnTimeout <= 0 {
		return sweepEvery
	}
	return min(sweepEvery, max(time.Until(h.idle[0].since.Add(t.IdleConnTimeout)), time.Millisecond))
}

// swept closes the connections of h that are too old or that the server has closed,
// and drops h when none is left.
func (t *Transport) swept(h *host) {
	now := time.Now()
	h.mu.Lock()
	before := len(h.idle)
	h.idle = slices.DeleteFunc(h.idle, func(c *conn) bool {
		dead := t.IdleConnTimeout > 0 && now.Sub(c.since) >= t.IdleConnTimeout || !c.alive()
		if dead {
			c.close()
		}
		return dead
	})
	t.count(len(h.idle) - before)
	if len(h.idle) > 0 {
		h.sweep.Reset(t.sweepIn(h))
		h.mu.Unlock()
		return
	}
	h.gone, h.sweep = true, nil
	h.mu.Unlock()
	t.drop(h)
}

// evict closes the one connection of all hosts that has been idle for longest.
func (t *Transport) evict() {
	var oldest *host
	var since time.Time
	for _, h := range *t.hosts.Load() {
		h.mu.Lock()
		if len(h.idle) > 0 && (oldest == nil || h.idle[0].since.Before(since)) {
			oldest, since = h, h.idle[0].since
		}
		h.mu.Unlock()
	}
	if oldest == nil {
		return
	}
	oldest.mu.Lock()
	defer oldest.mu.Unlock()
	if len(oldest.idle) > 0 {
		oldest.idle[0].close()
		oldest.idle = slices.Delete(oldest.idle, 0, 1)
		t.count(-1)
	}
}

// CloseIdleConnections closes what is idle. Connections in use are closed when they
// become idle, unless a request comes first.
func (t *Transport) CloseIdleConnections() {
	t.quitting.Store(true)
	hosts := t.hosts.Load()
	if hosts == nil {
		return
	}
	for _, h := range *hosts {
		h.mu.Lock()
		for _, c := range h.idle {
			c.close()
		}
		t.count(-len(h.idle))
		h.idle, h.gone = nil, true
		if h.sweep != nil {
			h.sweep.Stop() // if it runs already, it finds nothing
		}
		h.mu.Unlock()
		t.drop(h)
	}
}
