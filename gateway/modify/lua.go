package modify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
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

// Scripts are what scripts need of the gateway.
type Scripts struct {
	Transport http.RoundTripper // for the calls of http_response
	Logger    *slog.Logger      // for print
}

func (s Scripts) compile(c *config.Script, helper string) *script.Script {
	return script.New(c, helper, s.Transport, s.Logger)
}

// NewLua runs a script of modifier/lua-endpoint over requests, for patience at most;
// names are the endpoint's parameters. nil when there is no script.
func NewLua(c *config.Script, names []string, patience time.Duration, s Scripts) Check {
	if c == nil {
		return nil
	}
	return &luaCheck{script: s.compile(c, "ctx"), names: names, patience: patience}
}

// Look implements Check. What custom_error says is the answer, without X-Krakend;
// another failure is a 500. The script has as long as the endpoint.
func (c *luaCheck) Look(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, *Refusal) {
	own := changeable(r)
	refusal := runOver(r, c.script, c.request(w, own, values), c.patience)
	if refusal == nil {
		return own, nil
	}
	refusal.Said = refusal.Reason != failed
	return nil, refusal
}

// changeable is r with a header and an address of its own.
func changeable(r *http.Request) *http.Request {
	own := r.WithContext(r.Context())
	own.Header = r.Header.Clone()
	u := *r.URL
	own.URL = &u
	return own
}

// failed is the reason of a script that did not end well.
const failed = "script"

// runOver runs s over r, which loaded stands for. The refusal is as custom_error says,
// else a 500.
func runOver(r *http.Request, s *script.Script, loaded *script.Request, patience time.Duration) *Refusal {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	err := s.Run(ctx, loaded)
	if err == nil {
		return nil
	}
	refusal := &Refusal{Status: http.StatusInternalServerError, Text: "lua: " + err.Error(), Reason: failed}
	var said *script.Error
	switch {
	case errors.As(err, &said):
		refusal.Status, refusal.Text, refusal.ContentType = said.Status, said.Text, said.ContentType
		refusal.Reason = reasonOf(said.Status)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		refusal.Text = "lua: " + ctx.Err().Error()
	}
	return refusal
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
			"body":   bodyText(w, r, c.patience),
		},
		Keyed: map[string]script.Values{
			"headers": script.HeadersOf(r.Header),
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

// bodyText is the client's body, which comes in within patience.
func bodyText(w http.ResponseWriter, r *http.Request, patience time.Duration) script.Text {
	return script.Text{
		Get: func() (string, error) {
			if own, is := r.Body.(*ownBody); is {
				return string(own.text), nil
			}
			body, next, err := wholeBody(w, r, patience)
			if next != nil {
				r.Body = next.Body
			}
			return string(body), err
		},
		Set: func(text string) error { setBody(r, []byte(text)); return nil },
	}
}

func setQuery(u *url.URL, name, value string) {
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
}

// luaError is a script's own failure.
type luaError struct{ error }

// Error implements error.
func (e luaError) Error() string { return "lua: " + e.error.Error() }

// Plain keeps the call's address out of the message.
func (luaError) Plain() {}

// toldBy is what a script's error is for those around: what custom_error says, or a
// luaError.
func toldBy(err error) error {
	var said *script.Error
	if errors.As(err, &said) {
		return said
	}
	return luaError{err}
}

var _ Check = (*luaCheck)(nil)
