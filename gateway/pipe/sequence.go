package pipe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// sequence asks one part after the other; each can use what those before it said
// (KrakenD v3, 1.7). When the first fails, its error is the endpoint's, as that of an
// only backend; a later one that fails, or is not complete, ends the sequence with what
// there is.
type sequence struct {
	parts  []source
	budget time.Duration
}

// fetch implements source.
func (s *sequence) fetch(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	var sum merged
	said := make(said, 0, len(s.parts))
	base := c.Value
	for i, p := range s.parts {
		next := c
		if i < len(s.parts)-1 {
			next = again(c)
		}
		next.Value = said.before(base)
		answer, err := p.fetch(ctx, next)
		if err != nil && i == 0 {
			return nil, err
		}
		sum.add(answer, err)
		if err != nil || answer.Failed {
			break
		}
		said = append(said, answer)
	}
	return sum.result(len(s.parts))
}

// said are the answers so far, in the order of the backends.
type said []*backend.Answer

// before finds values in s, and what s does not know with next, which may be nil.
func (s said) before(next func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := s.value(name); ok || next == nil {
			return value, ok
		}
		return next(name)
	}
}

// value finds resp0_a.b, which is b in the object a of the first backend's data, and
// resp0, the whole body of a no-op backend.
func (s said) value(name string) (string, bool) {
	name, ok := strings.CutPrefix(name, "resp")
	index, path, inData := strings.Cut(name, "_")
	i, err := strconv.Atoi(index)
	if !ok || err != nil || i < 0 || i >= len(s) {
		return "", false
	}
	if !inData {
		return s[i].Text, s[i].HasText
	}
	data := s[i].Data
	for {
		first, rest, deeper := strings.Cut(path, ".")
		v, ok := data[first]
		if !ok || !deeper {
			return asText(v), ok
		}
		if data, ok = v.(map[string]any); !ok {
			return "", false
		}
		path = rest
	}
}

// asText writes a value as KrakenD pastes it into a URL.
func asText(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v) // numbers are as they were written; null is <nil>
	}
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = fmt.Sprint(e)
	}
	return strings.Join(texts, ",")
}

// quoted tells whether anything after the i-th backend of e may ask for its whole body.
func quoted(e *config.Endpoint, i int) bool {
	whole := "resp" + strconv.Itoa(i)
	return slices.Contains(e.Proxy.PropagatedParams, whole) || slices.ContainsFunc(e.Backends[i+1:], func(b config.Backend) bool {
		return strings.Contains(b.URLPattern, "{"+whole+"}")
	})
}

var _ source = (*sequence)(nil)
