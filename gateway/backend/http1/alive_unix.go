//go:build unix

package http1

import "syscall"

// reuses: a connection can be looked at before it is used again.
const reuses = true

// watch prepares alive.
func (c *conn) watch() {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	c.raw = raw
	c.probe = func(fd uintptr) bool {
		var b [1]byte
		n, err := syscall.Read(int(fd), b[:])
		c.quiet = n < 0 && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR)
		return true
	}
}

// alive reports whether an idle connection is still open and the server has sent
// nothing on it: what it says unasked is not the answer to the next request.
func (c *conn) alive() bool {
	c.quiet = false
	return c.raw != nil && c.r.Buffered() == 0 && c.raw.Read(c.probe) == nil && c.quiet
}
