package auth

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// claim finds a claim. Where nested is set, dots in its name walk into objects; a
// literal key with a dot in it is not looked for then, as with KrakenD CE.
func claim(claims map[string]any, name string, nested bool) (v any, ok bool) {
	if !nested {
		v, ok = claims[name]
		return v, ok
	}
	for {
		first, rest, more := strings.Cut(name, ".")
		if v, ok = claims[first]; !ok || !more {
			return v, ok
		}
		if claims, ok = v.(map[string]any); !ok {
			return nil, false
		}
		name = rest
	}
}

// walks tells the names whose dots are steps: in an address they are not.
func walks(name string) bool {
	return strings.Contains(name, ".") && !strings.HasPrefix(name, "http")
}

// holds reports whether v, a list or a text with spaces, holds a word.
func holds(v any, word string) bool {
	switch v := v.(type) {
	case string:
		for s := range strings.FieldsSeq(v) {
			if s == word {
				return true
			}
		}
	case []any:
		for _, e := range v {
			if e == word {
				return true
			}
		}
	}
	return false
}

// holdsAny reports whether v holds one of words at least.
func holdsAny(v any, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return holds(v, word) })
}

// holdsAll reports whether v holds every one of words.
func holdsAll(v any, words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !holds(v, word) })
}

// ClaimText is how a claim is written in a header or an address: a text as it is, a
// whole number as one and another with six digits after the point, a list's elements
// with commas between them, anything else as JSON (KrakenD v3, 3).
func ClaimText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return numberText(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = ClaimText(e)
		}
		return strings.Join(parts, ",")
	}
	text, err := json.Marshal(v)
	if err != nil { // not of what came out of JSON
		return ""
	}
	return string(text)
}

func numberText(n json.Number) string {
	if _, err := n.Int64(); err == nil {
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}

// propagate tells claims in headers of the request. A header is set in any case, so
// that no client can make one up: to nothing where the claim is missing, or holds what
// no header may hold.
func propagate(h http.Header, claims map[string]any, list []config.Propagation, preserveArray bool) {
	for _, p := range list {
		v, ok := claim(claims, p.Claim, walks(p.Claim))
		if array, is := v.([]any); is && preserveArray && len(array) > 0 {
			values := make([]string, len(array))
			for i, e := range array {
				values[i] = headerText(e)
			}
			h[p.Header] = values
			continue
		}
		text := ""
		if ok {
			text = headerText(v)
		}
		h[p.Header] = []string{text}
	}
}

func headerText(v any) string {
	text := ClaimText(v)
	if !isFieldValue(text) {
		return ""
	}
	return text
}

// isFieldValue tells what a header may hold (RFC 9110, 5.5).
func isFieldValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
