package modify

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/modify/script"
)

// luaProxy is what of modifier/lua-proxy runs before the backends are asked, and
// before validation/cel: it sees what the endpoint lets through (KrakenD v3, 2.1).
type luaProxy struct {
	script   *script.Script
	view     view
	names    []string // of the endpoint's parameters
	patience time.Duration
}

// NewLuaProxy is nil when nothing of e's script runs before the backends.
func NewLuaProxy(e *config.Endpoint, names []string, seen Seen, s Scripts) Check {
	if !e.LuaProxy.RunsBefore() {
		return nil
	}
	return &luaProxy{script: s.compile(e.LuaProxy, "request"), view: newView(e, seen), names: names, patience: e.Timeout}
}

// scripted is what a script has set, which goes on whatever the endpoint lets through.
type scripted struct {
	headers []string // canonical
	query   bool     // all of it
}

type scriptedKey struct{}

// Scripted tells which headers a script of modifier/lua-proxy has set, canonical, and
// whether it has set the query string.
func Scripted(ctx context.Context) (headers []string, query bool) {
	if set, ok := ctx.Value(scriptedKey{}).(*scripted); ok {
		return set.headers, set.query
	}
	return nil, false
}

// Look implements Check. What custom_error says is an error of the pipe, as that of a
// backend's script: with X-Krakend, and a text only with return_error_msg.
func (c *luaProxy) Look(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	set := &scripted{}
	own := changeable(r).WithContext(context.WithValue(r.Context(), scriptedKey{}, set))
	if refusal := runOver(r, c.script, c.request(w, own, values, set), c.patience); refusal != nil {
		return nil, refusal
	}
	return own, nil
}

var errOurHeader = errors.New("the gateway sets this header itself")

// request is what request.load gives. The path and the method are the client's: each
// backend has its own, so they can't be changed.
func (c *luaProxy) request(w http.ResponseWriter, r *http.Request, values []string, set *scripted) *script.Request {
	headers := script.HeadersOf(r.Header)
	index := func(name string) int {
		i := slices.Index(c.names, name)
		if i < 0 && name != "" { // KrakenD's capital first letter
			i = slices.Index(c.names, strings.ToLower(name[:1])+name[1:])
		}
		return i
	}
	return &script.Request{
		Texts: map[string]script.Text{
			"method": {Get: func() (string, error) { return r.Method, nil }},
			"path":   {Get: func() (string, error) { return c.view.Path(r), nil }},
			"url":    {Get: func() (string, error) { return r.URL.String(), nil }},
			"query": {
				Get: func() (string, error) {
					if set.query {
						return r.URL.RawQuery, nil
					}
					return c.view.query(r), nil
				},
				Set: func(query string) error {
					if err := checkQuery(query); err != nil {
						return err
					}
					r.URL.RawQuery, set.query = query, true
					return nil
				},
			},
			"body": bodyText(w, r, c.patience),
		},
		Keyed: map[string]script.Values{
			"headers": {
				Get: func(name string) string { return c.header(r, http.CanonicalHeaderKey(name), set) },
				Set: func(name, value string) error {
					name = http.CanonicalHeaderKey(name)
					if strings.HasPrefix(name, "X-Forwarded-") {
						return errOurHeader
					}
					if err := headers.Set(name, value); err != nil {
						return err
					}
					set.headers = append(set.headers, name)
					return nil
				},
			},
			"params": {
				Get: func(name string) string {
					if i := index(name); i >= 0 {
						return values[i]
					}
					return ""
				},
				Set: func(name, value string) error {
					i := index(name)
					switch {
					case i < 0:
						return errors.New(name + " is not a parameter of the endpoint")
					case strings.ContainsAny(value, "\r\n"):
						return errors.New("a parameter has no line breaks")
					}
					values[i] = value // escaped for the place it stands in; a dot segment is a 400 there
					return nil
				},
			},
		},
	}
}

// header is one that the endpoint lets through, or that the script has set.
func (c *luaProxy) header(r *http.Request, name string, set *scripted) string {
	switch {
	case name == "X-Forwarded-For":
		return c.view.Client(r)
	case name == "X-Forwarded-Host":
		return r.Host
	case c.view.allHeaders, slices.Contains(c.view.headers, name), slices.Contains(set.headers, name):
		return r.Header.Get(name)
	}
	return ""
}

var _ Check = (*luaProxy)(nil)
