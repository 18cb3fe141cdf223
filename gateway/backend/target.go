package backend

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// ErrDotSegment says that parameters would make a "." or ".." of a path segment.
var ErrDotSegment = errors.New("dot segment in url params")

// target is a url_pattern, compiled: literals and the endpoint's parameters.
type target struct {
	path, query []piece
	dots        bool // the pattern itself has dot segments, so they are wanted
}

// piece is a literal, or a place for a value: of the endpoint's parameters by its
// index, or by its name from wherever else the call has values.
type piece struct {
	param         int
	rest          bool   // what a wildcard matched, slashes included
	text, escaped string // of a literal: decoded (path only) and as it is sent
	name          string // of a value from elsewhere
}

// What param is when it is no index.
const (
	isLiteral   = -1
	isElsewhere = -2
)

// value is what stands in the piece's place, decoded. Without one the placeholder
// stays, as KrakenD writes it (KrakenD v3, 1.4).
func (p *piece) value(c *Call) string {
	if p.param >= 0 {
		return c.Values[p.param]
	}
	if c.Value != nil {
		if value, ok := c.Value(p.name); ok {
			return value
		}
	}
	return "{{." + strings.ToUpper(p.name[:1]) + p.name[1:] + "}}"
}

// elsewhere tells the names whose values are no parameters of the endpoint: {resp0}
// and {resp0_id.x} come from an answer before this call, {JWT.sub} from the token
// (KrakenD v3, 1.7 and 3).
var elsewhere = regexp.MustCompile(`^(resp\d+(_.+)?|JWT\..+)$`)

// parseTarget compiles pattern; names are the endpoint's parameters. A {name} is a
// placeholder wherever it stands.
func parseTarget(pattern string, names []string) (target, error) {
	pattern = "/" + strings.TrimLeft(pattern, "/")
	pattern, _, _ = strings.Cut(pattern, "#")
	path, query, _ := strings.Cut(pattern, "?")
	var t target
	var err error
	path, rest := behindStar(path, names)
	if t.path, err = pieces(path, names, pathLiteral); err != nil {
		return target{}, fmt.Errorf("url_pattern %q: %w", pattern, err)
	}
	if rest {
		t.path = append(t.path, piece{param: len(names) - 1, rest: true})
	}
	if t.query, err = pieces(query, names, queryLiteral); err != nil {
		return target{}, fmt.Errorf("url_pattern %q: %w", pattern, err)
	}
	t.dots = hasDotSegment(path)
	return t, nil
}

// behindStar gives the path that what a wildcard matched is put behind, where the
// endpoint is one and the path ends in its star or, for all paths, in its name.
func behindStar(path string, names []string) (before string, rest bool) {
	if len(names) == 0 || names[len(names)-1] != "*" {
		return path, false
	}
	for _, end := range []string{"/*", "/__catchall"} {
		if before, is := strings.CutSuffix(path, end); is {
			return before + "/", true
		}
	}
	return path, false
}

func pieces(text string, names []string, literal func(string) (piece, error)) ([]piece, error) {
	var list []piece
	for text != "" {
		start, end := placeholder(text)
		if start > 0 {
			p, err := literal(text[:start])
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		if start < end {
			p := piece{name: text[start+1 : end-1]}
			p.param = slices.Index(names, p.name)
			if p.param < 0 {
				if !elsewhere.MatchString(p.name) {
					return nil, fmt.Errorf("%s is not a parameter of the endpoint", text[start:end])
				}
				p.param = isElsewhere
			}
			list = append(list, p)
		}
		text = text[end:]
	}
	return list, nil
}

// placeholder finds the first {name} in text; both results are len(text) when
// there is none.
func placeholder(text string) (start, end int) {
	for i := 0; i < len(text); i++ {
		if text[i] != '{' {
			continue
		}
		n := strings.IndexFunc(text[i+1:], func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.:/", r)
		})
		if n > 0 && text[i+1+n] == '}' {
			return i, i + n + 2
		}
	}
	return len(text), len(text)
}

func pathLiteral(text string) (piece, error) {
	decoded, err := url.PathUnescape(text)
	if err != nil {
		return piece{}, err
	}
	return piece{param: isLiteral, text: decoded, escaped: (&url.URL{Path: decoded, RawPath: text}).EscapedPath()}, nil
}

func queryLiteral(text string) (piece, error) {
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return piece{}, fmt.Errorf("control character %q", text[i])
	}
	return piece{param: isLiteral, escaped: strings.ReplaceAll(text, " ", "%20")}, nil
}

// fixed reports whether the target is the same for all calls.
func (t *target) fixed() bool {
	varies := func(p piece) bool { return p.param != isLiteral }
	return !slices.ContainsFunc(t.path, varies) && !slices.ContainsFunc(t.query, varies)
}

// url builds the address on h; the values of c are decoded, and are escaped for the
// place they stand in. query, encoded, comes after the pattern's own.
func (t *target) url(h *host, c *Call, query string) (*url.URL, error) {
	u := &url.URL{Scheme: h.scheme, Host: h.host}
	var room [128]byte
	path := append(room[:0], h.path...)
	escape := h.escaped != h.path
	for i := range t.path {
		p := &t.path[i]
		text := p.text
		if p.param != isLiteral {
			text = p.value(c)
			escape = escape || p.escape(text) != text
		} else {
			escape = escape || p.escaped != p.text
		}
		path = append(path, text...)
	}
	u.Path = string(path)
	if escape {
		u.RawPath = t.rawPath(h, c)
	}
	if !t.dots && hasDotSegment(u.Path[len(h.path):]) {
		return nil, ErrDotSegment
	}
	u.RawQuery = t.rawQuery(c, query)
	return u, nil
}

// escape writes a value for a path. What a wildcard matched keeps its slashes; an
// escape that came with it is escaped once more, so no other "%2F" can be in it.
func (p *piece) escape(value string) string {
	escaped := url.PathEscape(value)
	if p.rest {
		return strings.ReplaceAll(escaped, "%2F", "/")
	}
	return escaped
}

func (t *target) rawPath(h *host, c *Call) string {
	var b strings.Builder
	b.WriteString(h.escaped)
	for i := range t.path {
		p := &t.path[i]
		if p.param != isLiteral {
			b.WriteString(p.escape(p.value(c)))
			continue
		}
		b.WriteString(p.escaped)
	}
	return b.String()
}

func (t *target) rawQuery(c *Call, query string) string {
	if len(t.query) == 0 {
		return query
	}
	var b strings.Builder
	for i := range t.query {
		p := &t.query[i]
		if p.param != isLiteral {
			b.WriteString(url.QueryEscape(p.value(c)))
			continue
		}
		b.WriteString(p.escaped)
	}
	if query != "" {
		b.WriteByte('&')
		b.WriteString(query)
	}
	return b.String()
}

func hasDotSegment(path string) bool {
	if !strings.Contains(path, "/.") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
