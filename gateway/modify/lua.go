package modify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify/script"
	"github.com/gatemeter/gatemeter/moesif"
)

// luaCheck is modifier/lua-endpoint: it runs behind authentication and before
// limits, over the client's request (KrakenD v3, 2.1).
type luaCheck struct {
	script   *script.Script
	names    []string // of the endpoint's parameters
	patience time.Duration
}

// NewLua runs e's script over requests; names are e's parameters. nil when e has none.
func NewLua(e *config.Endpoint, names []string, logger *slog.Logger) Check {
	if e.Lua == nil {
		return nil
	}
	return &luaCheck{script: script.New(e.Lua, "ctx", logger), names: names, patience: e.Timeout}
}

// Look implements Check. What custom_error says is the answer, without X-Krakend;
// another failure is a 500. The script has as long as the endpoint.
func (c *luaCheck) Look(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	ctx, cancel := context.WithTimeout(r.Context(), c.patience)
	defer cancel()
	own := r.WithContext(r.Context())
	own.Header = r.Header.Clone()
	u := *r.URL
	own.URL = &u
	err := c.script.Run(ctx, c.request(w, own, values))
	if err == nil {
		return own, nil
	}
	refusal := &Refusal{Status: http.StatusInternalServerError, Text: "lua: " + err.Error(), Reason: "script"}
	var said *script.Error
	switch {
	case errors.As(err, &said):
		refusal.Status, refusal.Text, refusal.ContentType, refusal.Said = said.Status, said.Text, said.ContentType, true
		refusal.Reason = reasonOf(said.Status)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		refusal.Text = "lua: " + ctx.Err().Error()
	}
	return nil, refusal
}

func reasonOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return moesif.Unauthenticated
	case http.StatusForbidden:
		return moesif.Forbidden
	case http.StatusTooManyRequests:
		return moesif.RateLimited
	case http.StatusNotFound:
		return moesif.NotFound
	}
	return moesif.BadRequest
}

// request is what ctx.load gives. The path and the method have led here, so they
// can't be changed.
func (c *luaCheck) request(w http.ResponseWriter, r *http.Request, values []string) *script.Request {
	return &script.Request{
		Texts: map[string]script.Text{
			"method": {Get: func() (string, error) { return r.Method, nil }},
			"path":   {Get: func() (string, error) { return r.URL.Path, nil }},
			"url":    {Get: func() (string, error) { return r.URL.String(), nil }},
			"host":   {Get: func() (string, error) { return r.Host, nil }},
			"body": {
				Get: func() (string, error) {
					body, next, err := wholeBody(w, r, c.patience)
					if next != nil {
						r.Body = next.Body
					}
					return string(body), err
				},
				Set: func(text string) error { setBody(r, []byte(text)); return nil },
			},
		},
		Keyed: map[string]script.Values{
			"headers": headersOf(r.Header),
			"query": {
				Get: func(name string) string { return r.URL.Query().Get(name) },
				Set: func(name, value string) error { setQuery(r.URL, name, value); return nil },
			},
			"params": {
				Get: func(name string) string {
					if i := slices.Index(c.names, name); i >= 0 {
						return values[i]
					}
					return ""
				},
				Set: func(name, value string) error {
					i := slices.Index(c.names, name)
					if i < 0 {
						return errors.New(name + " is not a parameter of the endpoint")
					}
					values[i] = value // looked at afterwards, as one of the client's
					return nil
				},
			},
		},
	}
}

func headersOf(h http.Header) script.Values {
	return script.Values{
		Get: h.Get,
		Set: func(name, value string) error {
			name, err := script.CheckHeader(name, value)
			if err == nil {
				h[name] = []string{value}
			}
			return err
		},
	}
}

func setQuery(u *url.URL, name, value string) {
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
}

// luaCalls is modifier/lua-backend: it runs over the call of a backend.
type luaCalls struct {
	script *script.Script
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The call is changed in place, as by martian.
func (c *luaCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	if redirected(r) {
		return c.next.RoundTrip(r)
	}
	if err := c.script.Run(r.Context(), callOf(r)); err != nil {
		discard(r)
		var said *script.Error
		if errors.As(err, &said) {
			return nil, said
		}
		return nil, luaError{err}
	}
	return c.next.RoundTrip(r)
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
					if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }) {
						return errors.New("a query string is escaped")
					}
					u.RawQuery = query
					return nil
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
			"headers": headersOf(r.Header),
			"params":  {Get: func(name string) string { return paramOf(r.Context(), name) }},
		},
	}
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

// luaError is a script's own failure.
type luaError struct{ error }

// Error implements error.
func (e luaError) Error() string { return "lua: " + e.error.Error() }

// Plain keeps the call's address out of the message.
func (luaError) Plain() {}

var (
	_ Check             = (*luaCheck)(nil)
	_ http.RoundTripper = (*luaCalls)(nil)
)
