package policy

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/mask"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// maxDecoded bounds, in bytes, what a compressed body may become.
const maxDecoded = 1 << 20

// text returns a body as an expression reads it: without its content codings, in
// UTF-8. It is "" when there is none, or when it cannot be decoded.
func text(body []byte, headers wire.Headers) string {
	encoding, _ := field(headers, "Content-Encoding")
	plain, err := mask.Decode(body, encoding, maxDecoded)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(plain), "\ufffd")
}

// object returns the JSON object that a body is, an empty one when it is
// anything else, or not all there. Whole numbers are ints, others doubles.
func object(body []byte, headers wire.Headers) map[string]any {
	return objectOf(text(body, headers))
}

func objectOf(text string) map[string]any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var members map[string]any
	if d.Decode(&members) != nil || members == nil {
		return map[string]any{}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return map[string]any{}
	}
	return numbers(members).(map[string]any)
}

// numbers is v with numbers in the place of its json.Numbers. v stays as it is: claims
// are shared by all the requests with a token.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		members := make(map[string]any, len(v))
		for name := range v {
			members[name] = numbers(v[name])
		}
		return members
	case []any:
		elements := make([]any, len(v))
		for i := range v {
			elements[i] = numbers(v[i])
		}
		return elements
	case interface{ Object() map[string]any }: // what return_error_details puts in
		return numbers(v.Object())
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return v
}
