package http1

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// upload starts sending the request's body, on a goroutine of its own: neither the
// server's answer nor a slow client must wait for the other.
func (x *exchange) upload() {
	x.pending, x.uploaded = false, true
	x.left.Add(1)
	go func() {
		readErr, writeErr := x.copyBody()
		x.uploadFails(readErr) // first: Close may wait for the client
		if err := x.req.Body.Close(); err != nil && writeErr == nil && readErr == nil {
			readErr = err
			x.uploadFails(err)
		}
		// When writing failed, the connection is at its end: reading finds that out,
		// after what the server has still said.
		if readErr == nil && writeErr == nil {
			x.startTimeout()
		}
		x.leave(readErr == nil && writeErr == nil)
	}()
}

// uploadFails ends an exchange whose request's body can't be read, when err says so.
func (x *exchange) uploadFails(err error) {
	if err == nil {
		return
	}
	x.mu.Lock()
	x.uploadErr = err
	x.mu.Unlock()
	x.c.interrupt() // nothing makes the request whole any more
}

// parts are pieces of a body, with room for the size of a chunk before and the end of
// all chunks behind.
var parts = sync.Pool{New: func() any { return new([32 << 10]byte) }}

const (
	before = len("ffff\r\n")
	behind = len("\r\n")
)

// copyBody sends the whole body, or the error of one side.
func (x *exchange) copyBody() (readErr, writeErr error) {
	part := parts.Get().(*[32 << 10]byte)
	defer parts.Put(part)
	room := part[before : len(part)-behind]
	length := bodyLength(x.req)
	var sent int64
	for {
		n, err := x.req.Body.Read(room)
		if err != nil && err != io.EOF {
			return err, nil
		}
		sent += int64(n)
		if length >= 0 && sent > length {
			return fmt.Errorf("http1: the request's body is longer than its ContentLength of %d", length), nil
		}
		if n > 0 {
			out := room[:n]
			if length < 0 {
				out = chunk(part, n)
			}
			if _, err := x.c.Write(out); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			break
		}
	}
	if length >= 0 && sent < length {
		return fmt.Errorf("http1: the request's body ended after %d bytes, its ContentLength is %d", sent, length), nil
	}
	if length < 0 {
		return nil, x.lastChunk()
	}
	return nil, nil
}

// chunk frames n bytes that are in part already.
func chunk(part *[32 << 10]byte, n int) []byte {
	var digits [8]byte
	size := append(strconv.AppendInt(digits[:0], int64(n), 16), "\r\n"...)
	start := before - len(size)
	copy(part[start:], size)
	copy(part[before+n:], "\r\n")
	return part[start : before+n+behind]
}

// lastChunk ends a chunked body with its trailers, which are known only now.
func (x *exchange) lastChunk() error {
	if len(x.req.Trailer) == 0 {
		_, err := x.c.Write([]byte("0\r\n\r\n"))
		return err
	}
	var end bytes.Buffer
	end.WriteString("0\r\n")
	if err := x.req.Trailer.Write(&end); err != nil {
		return err
	}
	end.WriteString("\r\n")
	_, err := x.c.Write(end.Bytes())
	return err
}
