package mask

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// embeddable reports whether data can be part of an event as it is: one JSON
// document in UTF-8 that every decoder takes.
func embeddable(data []byte) bool {
	traits, ok := scan.Inspect(data, bodyDepth)
	return ok && portable(data, traits)
}

// portable reports whether every decoder takes a JSON document with these
// traits. Numbers that no float holds and halves of surrogate pairs are JSON
// too, but would spoil the batch for some.
func portable(document []byte, traits scan.Traits) bool {
	if traits&scan.NotASCII != 0 && !utf8.Valid(document) {
		return false
	}
	if traits&(scan.Surrogates|scan.WideNumbers) == 0 {
		return true
	}
	s := scan.NewDepth(document, bodyDepth)
	for {
		t, err := s.Seek(scan.Keys | scan.EscapedStrings | scan.Numbers)
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		raw := s.Bytes(t)
		switch t.Kind {
		case scan.Number:
			if !isFinite(raw) {
				return false
			}
		case scan.String, scan.Key:
			if hasHalfSurrogate(raw) {
				return false
			}
		}
	}
}

func isFinite(number []byte) bool {
	const short, long = len("9e99"), 300
	if len(number) <= short || len(number) < long && !bytes.ContainsAny(number, "eE") {
		return true
	}
	_, err := strconv.ParseFloat(string(number), 64)
	return err == nil
}

func hasHalfSurrogate(raw []byte) bool {
	for i := bytes.IndexByte(raw, '\\'); i >= 0 && i < len(raw); {
		if raw[i] != '\\' {
			i++
			continue
		}
		if raw[i+1] != 'u' {
			i += 2
			continue
		}
		switch surrogate(raw, i) {
		case high:
			if surrogate(raw, i+6) != low {
				return true
			}
			i += 12
		case low:
			return true
		default:
			i += 6
		}
	}
	return false
}

type half uint8

const (
	neither half = iota
	high
	low
)

// surrogate says which half of a pair the escape at raw[i] is.
func surrogate(raw []byte, i int) half {
	if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' || raw[i+2]|0x20 != 'd' {
		return neither
	}
	switch c := raw[i+3] | 0x20; {
	case c == '8', c == '9', c == 'a', c == 'b':
		return high
	case c >= 'c' && c <= 'f':
		return low
	}
	return neither
}
