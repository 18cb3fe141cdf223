package events

import (
	"fmt"

	"github.com/gatemeter/gatemeter/moesif/scan"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// appendHeaders appends the fields as a JSON object in their order; a name with
// several values has an array, at the place of the first.
func appendHeaders(dst []byte, hs wire.Headers) []byte {
	dst = append(dst, '{')
	if !hs.Repeat() {
		for i := range hs {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = wire.AppendString(dst, hs[i].Name)
			dst = append(dst, ':')
			dst = wire.AppendString(dst, hs[i].Value)
		}
		return append(dst, '}')
	}
	first := true
	for i := range hs {
		if indexName(hs[:i], hs[i].Name) >= 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = wire.AppendString(dst, hs[i].Name)
		dst = append(dst, ':')
		dst = appendValues(dst, hs[i:])
	}
	return append(dst, '}')
}

// appendValues appends the values that hs[0].Name has in hs.
func appendValues(dst []byte, hs wire.Headers) []byte {
	name, rest := hs[0].Name, hs[1:]
	if indexName(rest, name) < 0 {
		return wire.AppendString(dst, hs[0].Value)
	}
	dst = append(dst, '[')
	dst = wire.AppendString(dst, hs[0].Value)
	for i := range rest {
		if rest[i].Name == name {
			dst = append(dst, ',')
			dst = wire.AppendString(dst, rest[i].Value)
		}
	}
	return append(dst, ']')
}

func indexName(hs wire.Headers, name string) int {
	for i := range hs {
		if hs[i].Name == name {
			return i
		}
	}
	return -1
}

// parseHeaders reads what appendHeaders wrote.
func parseHeaders(s string) (wire.Headers, error) {
	var hs wire.Headers
	var name string
	var text []byte
	sc := scan.New([]byte(s))
	for {
		t, err := sc.Next()
		if err != nil {
			return nil, fmt.Errorf("stored headers: %w", err)
		}
		switch t.Kind {
		case scan.Key:
			text = scan.AppendText(text[:0], sc.Bytes(t))
			name = string(text)
		case scan.String:
			text = scan.AppendText(text[:0], sc.Bytes(t))
			hs = append(hs, wire.Header{Name: name, Value: string(text)})
		case scan.EndObject:
			return hs, nil
		}
	}
}
