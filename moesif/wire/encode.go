package wire

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// AppendEvent appends the wire form of e to dst and returns the longer slice. It
// does not allocate while dst has room and no header list is longer than 64
// fields.
//
// Times are written in UTC with microseconds. What is empty, nil or unknown is
// left out, except the keys every reader expects (uri, verb, headers, status).
// Invalid UTF-8 in strings becomes U+FFFD. Metadata and bodies are embedded as
// they are: it is the caller's duty that they are valid JSON.
func AppendEvent(dst []byte, e *Event) []byte {
	dst = append(dst, `{"request":`...)
	dst = appendRequest(dst, &e.Request)
	if e.Response != nil {
		dst = append(dst, `,"response":`...)
		dst = appendResponse(dst, e.Response)
	}
	dst = appendField(dst, `,"user_id":`, e.UserID)
	dst = appendField(dst, `,"company_id":`, e.CompanyID)
	dst = appendField(dst, `,"subscription_id":`, e.SubscriptionID)
	dst = appendField(dst, `,"session_token":`, e.SessionToken)
	dst = appendField(dst, `,"transaction_id":`, e.TransactionID)
	dst = appendField(dst, `,"direction":`, e.Direction)
	if e.Weight != 0 {
		dst = append(dst, `,"weight":`...)
		dst = strconv.AppendInt(dst, int64(e.Weight), 10)
	}
	dst = appendField(dst, `,"blocked_by":`, e.BlockedBy)
	dst = appendRaw(dst, `,"metadata":`, e.Metadata)
	return append(dst, '}')
}

// AppendEvents appends the JSON array of es to dst: the body of a batch.
func AppendEvents(dst []byte, es []Event) []byte {
	dst = append(dst, '[')
	for i := range es {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendEvent(dst, &es[i])
	}
	return append(dst, ']')
}

// MarshalJSON is AppendEvent for encoding/json.
func (e Event) MarshalJSON() ([]byte, error) { return AppendEvent(nil, &e), nil }

func appendRequest(dst []byte, r *Request) []byte {
	dst = append(dst, '{')
	dst = appendTimeField(dst, r.Time)
	dst = append(dst, `"uri":`...)
	dst = AppendString(dst, r.URI)
	dst = append(dst, `,"verb":`...)
	dst = AppendString(dst, r.Verb)
	dst = append(dst, `,"headers":`...)
	dst = appendHeaders(dst, r.Headers)
	dst = appendField(dst, `,"api_version":`, r.APIVersion)
	dst = appendField(dst, `,"ip_address":`, r.IPAddress)
	dst = appendRaw(dst, `,"body":`, r.Body)
	dst = appendField(dst, `,"transfer_encoding":`, r.TransferEncoding)
	dst = appendLength(dst, r.ContentLength)
	return append(dst, '}')
}

func appendResponse(dst []byte, r *Response) []byte {
	dst = append(dst, '{')
	dst = appendTimeField(dst, r.Time)
	dst = append(dst, `"status":`...)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	dst = append(dst, `,"headers":`...)
	dst = appendHeaders(dst, r.Headers)
	dst = appendField(dst, `,"ip_address":`, r.IPAddress)
	dst = appendRaw(dst, `,"body":`, r.Body)
	dst = appendField(dst, `,"transfer_encoding":`, r.TransferEncoding)
	dst = appendLength(dst, r.ContentLength)
	return append(dst, '}')
}

// appendField writes key (with its comma and colon) and value, or nothing when
// value is empty.
func appendField(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return AppendString(append(dst, key...), value)
}

func appendRaw(dst []byte, key string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return append(append(dst, key...), value...)
}

func appendLength(dst []byte, n int64) []byte {
	if n < 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, `,"content_length":`...), n, 10)
}

// appendTimeField writes the first member of an object, with its comma behind.
func appendTimeField(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	dst = append(dst, `"time":"`...)
	dst = appendTime(dst, t)
	return append(dst, '"', ',')
}

// appendTime writes t in UTC with microseconds: 2026-11-22T10:00:00.123456Z.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	dst = appendDigits(append(dst, '.'), t.Nanosecond()/1000, 6)
	return append(dst, 'Z')
}

// appendDigits writes the last width digits of n, width at most 6.
func appendDigits(dst []byte, n, width int) []byte {
	var digits [6]byte
	for i := width - 1; i >= 0; i-- {
		digits[i] = '0' + byte(n%10) // #nosec G115 -- one decimal digit
		n /= 10
	}
	return append(dst, digits[:width]...)
}

// manyHeaders is the number of fields beyond which looking for repeated names
// pair by pair would cost more than a map.
const manyHeaders = 64

// appendHeaders writes an object with one member a name, in the order of first
// appearance. Names that differ only in case are one name.
func appendHeaders(dst []byte, hs Headers) []byte {
	dst = append(dst, '{')
	if len(hs) > manyHeaders {
		for _, group := range byName(hs) {
			dst = appendHeader(dst, group)
		}
		return append(dst, '}')
	}
	for i := range hs {
		if isFirst(hs, i) {
			dst = appendHeader(dst, hs[i:])
		}
	}
	return append(dst, '}')
}

// isFirst reports whether no field before hs[i] has its name.
func isFirst(hs Headers, i int) bool {
	for j := range hs[:i] {
		if strings.EqualFold(hs[j].Name, hs[i].Name) {
			return false
		}
	}
	return true
}

// byName returns the fields of hs grouped by name.
func byName(hs Headers) []Headers {
	groups := make([]Headers, 0, len(hs))
	index := make(map[string]int, len(hs))
	for _, h := range hs {
		name := strings.ToLower(h.Name)
		i, seen := index[name]
		if !seen {
			i = len(groups)
			index[name] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], h)
	}
	return groups
}

// appendHeader writes the member for the first field of hs, with the values of
// the later fields of its name: joined into one string, except for Set-Cookie,
// whose values hold commas of their own and become an array.
func appendHeader(dst []byte, hs Headers) []byte {
	name := hs[0].Name
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(AppendString(dst, name), ':')
	start := len(dst)
	dst = AppendString(dst, hs[0].Value)
	array := false
	for _, h := range hs[1:] {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		if !strings.EqualFold(name, "Set-Cookie") {
			dst = append(dst[:len(dst)-1], ", "...)
			dst = append(appendEscaped(dst, h.Value), '"')
			continue
		}
		if !array {
			array = true
			dst = append(dst, 0)
			copy(dst[start+1:], dst[start:])
			dst[start] = '['
		}
		dst = AppendString(append(dst, ','), h.Value)
	}
	if array {
		dst = append(dst, ']')
	}
	return dst
}

// AppendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

const hex = "0123456789abcdef"

// plain says which bytes stand for themselves inside a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func appendEscaped(dst []byte, s string) []byte {
	done := 0 // s[:done] is written
	for i := scan.Plain(s); i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[done:i]...)
				dst = append(dst, "\uFFFD"...)
				done = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[done:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		done = i + 1
		i = done + scan.Plain(s[done:])
	}
	return append(dst, s[done:]...)
}
