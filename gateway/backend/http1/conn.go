package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is a connection to a server. It belongs to one exchange, or is idle in its
// host's pool.
type conn struct {
	net.Conn
	r     *bufio.Reader
	host  *host
	out   []byte // the head of a request, kept for the next one's
	used  bool   // it has been in the pool
	since time.Time

	// interrupted is set before the deadlines are: who moves a deadline afterwards
	// looks here. Such a connection is never used again.
	interrupted atomic.Bool
	interrupt   func() // ends reads and writes at once

	raw   syscall.RawConn // nil: can't be looked at
	probe func(fd uintptr) bool
	quiet bool // what probe found
}

// keptHead bounds, in bytes, what an idle connection keeps to write heads with.
const keptHead = 16 << 10

func newConn(socket net.Conn, h *host) *conn {
	c := &conn{Conn: socket, host: h, r: bufio.NewReader(socket)}
	c.interrupt = func() {
		c.interrupted.Store(true)
		_ = c.SetDeadline(past) // fails only on a closed connection
	}
	c.watch()
	return c
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// readUntil bounds reads; the zero time lets them last.
func (c *conn) readUntil(deadline time.Time) {
	_ = c.SetReadDeadline(deadline) // fails only on a closed connection
	if c.interrupted.Load() {
		_ = c.SetReadDeadline(past)
	}
}

func (c *conn) close() { _ = c.Close() } // nothing can be done about it

// errTooLong is wrapped with what was too long.
var errTooLong = errors.New("too long")

// block reads lines up to an empty one, limit bytes at most, and returns them all and
// how many there are, the empty one not counted. It is valid, and the caller may write
// to it, until the next read. check, when not nil, sees the first line while the rest
// has not come: who speaks anything but HTTP may never send an empty line.
func (c *conn) block(limit int, check func(line []byte) error) (block []byte, lines int, err error) {
	var s scan
	var spilled []byte // of a block that does not fit the reader's buffer
	for {
		have, _ := c.r.Peek(c.r.Buffered())
		all, before := have, len(spilled)
		if before > 0 {
			spilled = append(spilled, have...)
			all = spilled
		}
		end := s.end(all)
		if check != nil && s.lines > 0 && end == 0 {
			if err := check(all[:s.first]); err != nil {
				return nil, 0, err
			}
			check = nil
		}
		if len(all) > limit && (end == 0 || end > limit) {
			return nil, 0, errTooLong
		}
		if end > 0 {
			_, _ = c.r.Discard(end - before) // is buffered
			return all[:end], s.lines, nil
		}
		if before == 0 && len(have) == c.r.Size() {
			spilled = bytes.Clone(have)
		}
		if len(spilled) > 0 {
			_, _ = c.r.Discard(len(have)) // is buffered
			have = nil
		}
		if _, err := c.r.Peek(len(have) + 1); err != nil {
			return nil, 0, unexpected(err)
		}
	}
}

// scan looks for the end of a block that comes in pieces, each byte once.
type scan struct {
	lines int
	start int // of the line that has not ended
	seen  int // up to here there is no line feed after start
	first int // end of the first line
}

// end returns the length of the block at the beginning of b, 0 when more is needed.
func (s *scan) end(b []byte) int {
	for {
		if s.lines > 0 {
			switch rest := b[s.start:]; {
			case len(rest) > 0 && rest[0] == '\n':
				return s.start + 1
			case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
				return s.start + 2
			}
		}
		feed := bytes.IndexByte(b[s.seen:], '\n')
		if feed < 0 {
			s.seen = len(b)
			return 0
		}
		s.start = s.seen + feed + 1
		s.seen = s.start
		s.lines++
		if s.lines == 1 {
			s.first = s.start
		}
	}
}

// protocolError is an answer that is not HTTP/1.1, or that could be read in two ways.
type protocolError string

func (e protocolError) Error() string { return "http1: the server's answer is malformed: " + string(e) }

func malformed(format string, args ...any) error { return protocolError(fmt.Sprintf(format, args...)) }
