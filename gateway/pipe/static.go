package pipe

import (
	"context"
	"maps"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// static adds fixed data to answers, over keys of the same names. With it an error
// becomes an answer, so that the client gets 200 (KrakenD v3, 1.7).
type static struct {
	source
	data  map[string]any // shared by all answers, never changed
	lends bool           // somebody changes answers: they get a copy of data
	fits  func(answer *backend.Answer, err error) bool
}

func newStatic(s source, c *config.Static) *static {
	return &static{source: s, data: c.Data, fits: strategy(c.Strategy)}
}

// strategy says to which answers the data is added; an unknown name means always.
func strategy(name string) func(*backend.Answer, error) bool {
	complete := func(answer *backend.Answer, err error) bool { return err == nil && !answer.Failed }
	switch name {
	case "success":
		return func(_ *backend.Answer, err error) bool { return err == nil }
	case "errored":
		return func(_ *backend.Answer, err error) bool { return err != nil }
	case "complete":
		return complete
	case "incomplete":
		return func(answer *backend.Answer, err error) bool { return !complete(answer, err) }
	}
	return func(*backend.Answer, error) bool { return true }
}

// fetch implements source.
func (s *static) fetch(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	answer, err := s.source.fetch(ctx, c)
	if !s.fits(answer, err) {
		return answer, err
	}
	if answer == nil {
		answer = &backend.Answer{Failed: true}
	}
	if answer.Data == nil {
		answer.Data = make(map[string]any, len(s.data))
	}
	data := s.data
	if s.lends {
		data, _ = copied(data).(map[string]any)
	}
	maps.Copy(answer.Data, data)
	return answer, err
}

// copied is v, of a configuration, with objects and arrays of its own.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = copied(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = copied(inner)
		}
		return out
	}
	return v
}

var _ source = (*static)(nil)
