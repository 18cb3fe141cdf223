package platform

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// maxConnections bounds the connections that are open at one time; each takes a file
// descriptor and about 20 KB.
const maxConnections = 8192

// crowd is the connections that are open. When there are too many, the one that has
// waited longest for a request to be complete makes room: clients that send slowly
// lose their place, not those that work. When all work, the new one is refused.
type crowd struct {
	net.Listener
	limit int

	mu      sync.Mutex
	open    int       // guarded by mu
	waiting list.List // of *visitor, those that wait longest first; guarded by mu
}

// visitor is one connection of a crowd.
type visitor struct {
	net.Conn
	crowd  *crowd
	place  *list.Element // in crowd.waiting; nil while it works or is closed; guarded by crowd.mu
	closed bool          // guarded by crowd.mu
}

func newCrowd(l net.Listener, limit int) *crowd { return &crowd{Listener: l, limit: limit} }

// Accept returns the next connection there is room for.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		v := &visitor{Conn: conn, crowd: c}
		leaves, ok := c.enter(v)
		if leaves != nil {
			_ = leaves.Close() // it is gone either way
		}
		if ok {
			return v, nil
		}
		_ = conn.Close()
	}
}

// enter lets v in, and says who has to leave for it.
func (c *crowd) enter(v *visitor) (leaves *visitor, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.limit {
		first := c.waiting.Front()
		if first == nil {
			return nil, false
		}
		leaves = c.waiting.Remove(first).(*visitor)
		leaves.place, leaves.closed = nil, true
		c.open--
	}
	c.open++
	v.place = c.waiting.PushBack(v)
	return leaves, true
}

// Close gives the place back.
func (v *visitor) Close() error {
	v.crowd.mu.Lock()
	if !v.closed {
		v.closed = true
		v.crowd.open--
		if v.place != nil {
			v.crowd.waiting.Remove(v.place)
			v.place = nil
		}
	}
	v.crowd.mu.Unlock()
	return v.Conn.Close()
}

// work says whether a request of the connection is being answered.
func (v *visitor) work(working bool) {
	v.crowd.mu.Lock()
	defer v.crowd.mu.Unlock()
	switch {
	case v.closed:
	case working && v.place != nil:
		v.crowd.waiting.Remove(v.place)
		v.place = nil
	case !working && v.place == nil:
		v.place = v.crowd.waiting.PushBack(v)
	}
}

type visitorKey struct{}

// connContext is for http.Server: it tells working which connection it is.
func (c *crowd) connContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, conn)
}

// working marks the connections whose requests next answers.
func working(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := r.Context().Value(visitorKey{}).(*visitor); ok {
			v.work(true)
			defer v.work(false)
		}
		next.ServeHTTP(w, r)
	})
}
