package mask

import (
	"bytes"
	"net/url"
)

// form appends the urlencoded form data to dst with the values of masked fields
// replaced; false when it is no form, and so must not be sent. A form that was
// cut is masked up to its last whole name.
func (w *walk) form(dst []byte, n *names, data []byte, cut bool) ([]byte, bool) {
	start := len(dst)
	if bytes.IndexByte(data, '=') < 0 || hasControls(bytes.TrimRight(data, "\r\n")) {
		return dst, false
	}
	for rest := data; len(rest) > 0; {
		pair := rest
		rest = nil
		if end := bytes.IndexByte(pair, '&'); end >= 0 {
			pair, rest = pair[:end], pair[end+1:]
		}
		last := len(rest) == 0 && cut
		if last && bytes.IndexByte(pair, '=') < 0 {
			break // half a name says nothing
		}
		if len(dst) > start {
			dst = append(dst, '&')
		}
		var ok bool
		if dst, ok = w.pair(dst, n, pair, last); !ok {
			return dst[:start], false
		}
	}
	return dst, true
}

// pair appends one name=value. Some servers split at semicolons too: a masked
// name behind one hides the rest of the pair.
func (w *walk) pair(dst []byte, n *names, pair []byte, cut bool) ([]byte, bool) {
	for {
		name, value, hasValue := bytes.Cut(pair, []byte("="))
		name, _, bare := bytes.Cut(name, []byte(";"))
		var room [128]byte
		decoded := unescape(room[:0], name)
		if !isFieldName(decoded) {
			return dst, false
		}
		if bare { // a name without a value, then more
			dst = append(dst, pair[:len(name)+1]...)
			pair = pair[len(name)+1:]
			continue
		}
		dst = append(dst, name...)
		if !hasValue {
			return dst, true
		}
		dst = append(dst, '=')
		if n.masksForm(decoded) {
			return append(dst, Masked...), true
		}
		semicolon := bytes.IndexByte(value, ';')
		if semicolon < 0 {
			return w.formValue(dst, n, value, cut), true
		}
		dst = w.formValue(dst, n, value[:semicolon], false)
		dst = append(dst, ';')
		pair = value[semicolon+1:]
	}
}

// formValue appends an escaped value; one that holds JSON is masked inside, or
// whole when it cannot be read.
func (w *walk) formValue(dst []byte, n *names, value []byte, cut bool) []byte {
	w.text = unescape(w.text[:0], value)
	if !looksLikeJSON(w.text) {
		return append(dst, value...)
	}
	masked, found := w.inside(n, w.text, cut)
	switch found {
	case maskedWhole:
		return append(dst, Masked...)
	case unmasked:
		return append(dst, value...)
	}
	return append(dst, url.QueryEscape(string(masked))...)
}

// looksLikeJSON reports whether text begins as an object or array does.
func looksLikeJSON(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n\ufeff\x1e")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// isFieldName reports whether a decoded name can be one. What a client sends
// with the wrong content type (JSON, XML) would otherwise pass as a long name.
func isFieldName(name []byte) bool {
	return !hasControls(name) && !bytes.ContainsAny(name, `{"<`)
}

// hasControls reports whether there is a byte that no form holds unescaped, but
// other kinds of bodies do: line ends, binary, the zeros of UTF-16.
func hasControls(text []byte) bool {
	for _, c := range text {
		if c < 0x20 {
			return true
		}
	}
	return false
}

// unescape appends s with %XX and + decoded. A percent sign that begins no
// escape stands for itself.
func unescape[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			dst = append(dst, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			dst = append(dst, digit(s[i+1])<<4|digit(s[i+2]))
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func digit(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
