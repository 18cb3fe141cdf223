package http1

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// checkStatusLine is for conn.block.
func checkStatusLine(line []byte) error {
	_, err := parseStatusLine(string(cutLine(line)))
	return err
}

// cutLine cuts a line's end off.
func cutLine(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// statusLine is the first line of an answer.
type statusLine struct {
	proto  string // HTTP/1.x
	minor  int
	status string // code and reason
	code   int
}

func parseStatusLine(line string) (statusLine, error) {
	var s statusLine
	var ok bool
	s.proto, s.status, ok = strings.Cut(line, " ")
	if !ok || len(s.proto) != len("HTTP/1.x") || s.proto[:7] != "HTTP/1." || s.proto[7] < '0' || s.proto[7] > '9' {
		return s, malformed("status line %q", short(line))
	}
	s.minor = int(s.proto[7] - '0')
	s.status = strings.TrimLeft(s.status, " ")
	code, _, _ := strings.Cut(s.status, " ")
	if len(code) != 3 || !isValue(s.status) {
		return s, malformed("status line %q", short(line))
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return s, malformed("status code %q", code)
		}
		s.code = 10*s.code + int(code[i]-'0')
	}
	if s.code < 100 {
		return s, malformed("status code %q", code)
	}
	return s, nil
}

// short cuts what an error quotes.
func short(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// parseHead makes resp's status and headers of a block of so many lines. It writes to
// the block. All text shares one string.
func parseHead(block []byte, lines int, resp *http.Response) error {
	feed := bytes.IndexByte(block, '\n')
	if err := canonicalFields(block[feed+1:]); err != nil {
		return err
	}
	text := string(block)
	line := strings.TrimSuffix(text[:feed], "\r")
	status, err := parseStatusLine(line)
	if err != nil {
		return err
	}
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = status.proto, 1, status.minor
	resp.Status, resp.StatusCode = status.status, status.code
	resp.Header = fields(text[feed+1:], lines-1)
	return nil
}

// parseTrailer makes headers of a block of so many lines. It writes to the block.
func parseTrailer(block []byte, lines int) (http.Header, error) {
	if err := canonicalFields(block); err != nil {
		return nil, err
	}
	return fields(string(block), lines), nil
}

// canonicalFields checks the lines of a block, and gives names their canonical form
// in place. Folded lines are refused (RFC 9112, 5.2), and so is space before a colon
// (5.1).
func canonicalFields(block []byte) error {
	for len(block) > 0 {
		feed := bytes.IndexByte(block, '\n')
		line := bytes.TrimSuffix(block[:feed], []byte("\r"))
		block = block[feed+1:]
		if len(line) == 0 && len(block) == 0 {
			return nil
		}
		colon := canonicalName(line)
		if colon <= 0 {
			return malformed("header line %q", short(string(line)))
		}
		for _, b := range line[colon+1:] {
			if !valueBytes[b] {
				return malformed("value of header %s: byte %#x", line[:colon], b)
			}
		}
	}
	return nil
}

// canonicalName writes the name at the beginning of line as http.CanonicalHeaderKey
// would, and returns where its colon is; -1 when there is no name.
func canonicalName(line []byte) int {
	upper := true
	for i, b := range line {
		switch {
		case b == ':':
			return i
		case !tokenBytes[b]:
			return -1
		case upper && b >= 'a' && b <= 'z', !upper && b >= 'A' && b <= 'Z':
			line[i] = b ^ 0x20
		}
		upper = b == '-'
	}
	return -1
}

// fields makes headers of n lines that canonicalFields has seen.
func fields(text string, n int) http.Header {
	h := make(http.Header, n)
	room := make([]string, n)
	for i := range n {
		feed := strings.IndexByte(text, '\n')
		name, value, _ := strings.Cut(strings.TrimSuffix(text[:feed], "\r"), ":")
		text = text[feed+1:]
		value = trim(value)
		if values, ok := h[name]; ok {
			h[name] = append(values, value)
			continue
		}
		room[i] = value
		h[name] = room[i : i+1 : i+1]
	}
	return h
}
