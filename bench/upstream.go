//go:build linux

package main

import (
	"errors"
	"net"
	"strconv"
	"sync/atomic"
)

// serveAnswers is an upstream that costs little, so that the load is limited by
// the gateway: it reads requests without looking at more than their length. An
// answer has so many items.
func serveAnswers(l net.Listener, items int) error {
	var seed atomic.Uint64
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = answerAll(conn, newExchanges(seed.Add(1), items)) // whoever asked is gone
		}()
	}
}

// answerAll answers the requests of a connection until it ends.
func answerAll(conn net.Conn, invent *exchanges) error {
	in := message{buffer: make([]byte, 64<<10)}
	var out, body []byte
	for {
		for {
			whole, err := in.whole()
			if err != nil {
				return err
			}
			if whole {
				break
			}
			n, err := conn.Read(in.room())
			if err != nil {
				return err
			}
			in.grow(n)
		}
		in.next()
		body = invent.answer(body[:0])
		out = append(out[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Session-Token: "...)
		out = invent.hex(out, 16)
		out = append(out, "\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(len(body)), 10)
		out = append(out, "\r\n\r\n"...)
		out = append(out, body...)
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}
