//go:build linux

package main

import (
	"bytes"
	"errors"
	"strconv"
)

var errTooLong = errors.New("a message longer than the buffer")

// message is a request or an answer of HTTP/1.1 as it arrives. Its length is what
// Content-Length says; a request without has no body.
type message struct {
	buffer []byte
	have   int // bytes of it
	head   int // length up to the body, 0 as long as it has not arrived
	length int // of head and body, when the head is there; -1 when not said
}

// room is where the next bytes go.
func (m *message) room() []byte { return m.buffer[m.have:] }

// grow says that n bytes were put there.
func (m *message) grow(n int) { m.have += n }

// whole reports whether all of it has arrived.
func (m *message) whole() (bool, error) {
	if m.head == 0 && !m.readHead() {
		if m.have == len(m.buffer) {
			return false, errTooLong
		}
		return false, nil
	}
	if m.length > len(m.buffer) {
		return false, errTooLong
	}
	return m.have >= m.length, nil
}

// next forgets the message and goes on with what came behind it.
func (m *message) next() {
	m.have = copy(m.buffer, m.buffer[max(m.length, m.head):m.have])
	m.head, m.length = 0, 0
}

var (
	blankLine     = []byte("\r\n\r\n")
	contentLength = []byte("content-length:")
)

// readHead looks for the end of the head, and in it for the length of the body.
func (m *message) readHead() bool {
	end := bytes.Index(m.buffer[:m.have], blankLine)
	if end < 0 {
		return false
	}
	m.head, m.length = end+len(blankLine), -1
	for line := range bytes.Lines(m.buffer[:end]) {
		if len(line) < len(contentLength) || !bytes.EqualFold(line[:len(contentLength)], contentLength) {
			continue
		}
		if n, err := strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err == nil {
			m.length = m.head + n
		}
	}
	return true
}

// status is that of an answer, 0 when it has none.
func (m *message) status() int {
	const at = len("HTTP/1.1 ")
	if m.head < at+3 {
		return 0
	}
	n, err := strconv.Atoi(string(m.buffer[at : at+3]))
	if err != nil {
		return 0
	}
	return n
}
