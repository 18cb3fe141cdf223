package events

import "strings"

const foldedSegment = "{id}"

// FoldPath guesses the route of a call whose sender named none: segments of the
// path that look like ids become {id}, so that the number of routes stays near
// that of an API's endpoints. An id is a number, a UUID, an e-mail address,
// hexadecimal of 8 digits and more with a number in it, a longer word that mixes
// letters and digits as tokens do, or whatever is longer than 64 bytes.
func FoldPath(path string) string {
	first := -1
	for start := 0; start < len(path) && first < 0; {
		end := segmentEnd(path, start)
		if looksLikeID(path[start:end]) {
			first = start
		}
		start = end + 1
	}
	if first < 0 {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	b.WriteString(path[:first])
	for start := first; start <= len(path); {
		end := segmentEnd(path, start)
		if s := path[start:end]; looksLikeID(s) {
			b.WriteString(foldedSegment)
		} else {
			b.WriteString(s)
		}
		if end < len(path) {
			b.WriteByte('/')
		}
		start = end + 1
	}
	return b.String()
}

func segmentEnd(path string, start int) int {
	if i := strings.IndexByte(path[start:], '/'); i >= 0 {
		return start + i
	}
	return len(path)
}

func looksLikeID(s string) bool {
	if s == "" {
		return false
	}
	if len(s) > 64 {
		return true
	}
	var digits, letters, hexLetters, dashes, other int
	at := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
			continue
		case c == '-' || c == '_':
			dashes++
			continue
		case c == '@':
			at = true
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters++
		default:
			other++
		}
		if c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			hexLetters++
		}
	}
	switch {
	case at && letters > 0 && !strings.HasPrefix(s, "@"):
		return true // an e-mail address
	case strings.Contains(s, "%40"):
		return true
	case other > 0:
		return false // index.html, v1.2, a:verb
	case letters == 0:
		return digits > 0
	case digits == 0:
		return false
	case letters == hexLetters && digits+letters >= 8:
		return true // hexadecimal, a UUID
	}
	// cus_9s6XKzkNRiz8i3, 01ARZ3NDEKTSV4RRFFQ69G5FAV: the last part decides.
	last := s[strings.LastIndexAny(s, "-_")+1:]
	return len(last) >= 10 && countDigits(last) >= 2 || dashes > 0 && allDigits(last) && digits >= 3
}

func countDigits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

func allDigits(s string) bool { return s != "" && countDigits(s) == len(s) }
