package modify

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify/script"
)

// luaCalls is what of modifier/lua-backend runs before the call of a backend.
type luaCalls struct {
	script *script.Script // nil: nothing runs
	skip   bool           // skip_next
	next   http.RoundTripper
}

// luaBefore runs what of c runs before the calls that next makes; next itself when that
// is nothing.
func luaBefore(c *config.Script, next http.RoundTripper, s Scripts) http.RoundTripper {
	if !c.ConcernsCalls() {
		return next
	}
	calls := &luaCalls{skip: c.SkipNext, next: next}
	if c.RunsBefore() {
		calls.script = s.compile(c, "request")
	}
	return calls
}

// RoundTrip implements http.RoundTripper. The call is changed in place, as by martian.
func (c *luaCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	if redirected(r) {
		return c.next.RoundTrip(r)
	}
	if c.script != nil {
		if err := c.script.Run(r.Context(), callOf(r)); err != nil {
			discard(r)
			return nil, toldBy(err)
		}
	}
	if !c.skip {
		return c.next.RoundTrip(r)
	}
	discard(r)
	if skipped, ok := r.Context().Value(skippedKey{}).(*bool); ok {
		*skipped = true
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}, nil
}

type skippedKey struct{}

// Skipping lets the call of ctx say that the backend was not asked (skip_next).
func Skipping(ctx context.Context) (marked context.Context, skipped *bool) {
	skipped = new(bool)
	return context.WithValue(ctx, skippedKey{}, skipped), skipped
}

// callOf is what request.load gives.
func callOf(r *http.Request) *script.Request {
	u := *r.URL // may be shared between calls
	r.URL = &u
	return &script.Request{
		Texts: map[string]script.Text{
			"method": {
				Get: func() (string, error) { return r.Method, nil },
				Set: func(method string) error {
					if method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
						return errors.New("a method is a word such as GET")
					}
					r.Method = method
					return nil
				},
			},
			"path": {
				Get: func() (string, error) { return u.Path, nil },
				Set: func(path string) error {
					if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
						return errors.New("a path starts with /, and has no control characters")
					}
					u.Path, u.RawPath = path, ""
					return nil
				},
			},
			"query": {
				Get: func() (string, error) { return u.RawQuery, nil },
				Set: func(query string) error {
					err := checkQuery(query)
					if err == nil {
						u.RawQuery = query
					}
					return err
				},
			},
			"url": {Get: func() (string, error) { return u.String(), nil }},
			"body": {
				Get: func() (string, error) {
					if own, is := r.Body.(*ownBody); is {
						return string(own.text), nil
					}
					body, _ := keptBody(r.Context())
					return string(body), nil
				},
				Set: func(text string) error { setBody(r, []byte(text)); return nil },
			},
		},
		Keyed: map[string]script.Values{
			"headers": script.HeadersOf(r.Header),
			"params":  {Get: func(name string) string { return paramOf(r.Context(), name) }},
		},
	}
}

func checkQuery(query string) error {
	if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }) {
		return errors.New("a query string is escaped")
	}
	return nil
}

// paramOf finds a parameter as it is written in the endpoint, or with KrakenD's
// capital first letter.
func paramOf(ctx context.Context, name string) string {
	kept := params(ctx)
	if value, ok := kept[name]; ok || name == "" {
		return value
	}
	return kept[strings.ToLower(name[:1])+name[1:]]
}

var _ http.RoundTripper = (*luaCalls)(nil)
