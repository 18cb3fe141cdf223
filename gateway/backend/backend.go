package backend

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Backend is one call behind an endpoint, compiled. It is safe for concurrent use.
type Backend struct {
	method     string     // "": the call's
	places     places     // named in the configuration
	discovery  *discovery // instead of places; nil: none
	target     target
	transport  http.RoundTripper
	headers    map[string]bool // second-level filter; nil lets all through
	queries    map[string]bool // the same
	decode     decoder         // nil takes any answer
	status     statusRule
	raw        bool  // see KeepRaw
	collection bool  // is_collection
	text       bool  // see KeepText
	stays      bool  // redirects are not followed
	most       int64 // bytes of a body that is decoded
}

// Call is what the endpoint asks of a backend.
type Call struct {
	Method string   // where the backend has none of its own; "" is GET
	Values []string // of the endpoint's parameters, decoded
	// Value finds what else a placeholder can stand for, by its name, decoded; nil
	// when there is nothing else.
	Value   func(name string) (value string, ok bool)
	Header  http.Header // belongs to the call from now on
	Query   url.Values
	Body    io.ReadCloser // nil when there is none
	Length  int64         // of Body; -1 when unknown
	Trailer http.Header   // filled in by the time Body ends; nil when there is none
}

// New compiles b. names are the parameters of its endpoint, in the order in which
// Call has their values. The error names the key that can't be used.
func New(b *config.Backend, names []string, transport http.RoundTripper) (*Backend, error) {
	if len(b.Hosts) == 0 && b.Discovery == nil {
		return nil, errors.New("host: no host for this backend, and none at the root")
	}
	c := &Backend{
		method:    b.Method,
		transport: transport,
		headers:   set(b.InputHeaders),
		queries:   set(b.InputQueryStrings),
		status:    newStatusRule(b),
		stays:     b.Client != nil && b.Client.NoRedirect,
		most:      maxBody,
	}
	if b.Client != nil && b.Client.MaxResponseSize > 0 {
		c.most = int64(b.Client.MaxResponseSize)
	}
	c.decode, c.collection = newDecoder(b.Encoding, b.IsCollection), b.IsCollection
	var err error
	if c.target, err = parseTarget(b.URLPattern, names); err != nil {
		return nil, err
	}
	if b.Discovery != nil {
		c.discovery = newDiscovery(b.Discovery, &c.target)
		return c, nil
	}
	for _, text := range b.Hosts {
		h, err := parseHost(text)
		if err != nil {
			return nil, err
		}
		if err := c.places.add(h, &c.target); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func set(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// Do sends the call and follows redirects as a client would, ten at most; one that
// would need the request's body again is returned as it is (KrakenD v3, 1.6). The
// response's body must be closed. When ctx has ended, the error is its cause.
func (b *Backend) Do(ctx context.Context, c *Call) (*http.Response, error) {
	req, err := b.request(ctx, c)
	if err != nil {
		return nil, err
	}
	resp, err := b.transport.RoundTrip(req)
	if err != nil {
		return nil, failure(ctx, req, err)
	}
	if b.stays || resp.StatusCode < 300 || resp.StatusCode >= 400 || resp.Header.Get("Location") == "" {
		return resp, nil
	}
	follower := http.Client{Transport: &primed{first: resp, next: b.transport}}
	if resp, err = follower.Do(req); err != nil {
		if ended := context.Cause(ctx); ended != nil {
			return nil, ended
		}
		return nil, err
	}
	return resp, nil
}

// primed answers the first request with a response that is there already, so that
// http.Client does all the rest of following it.
type primed struct {
	first *http.Response
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (p *primed) RoundTrip(req *http.Request) (*http.Response, error) {
	if first := p.first; first != nil {
		p.first = nil
		return first, nil
	}
	return p.next.RoundTrip(req)
}

// request builds the outgoing request; WithContext makes the only copy of it.
func (b *Backend) request(ctx context.Context, c *Call) (*http.Request, error) {
	u, err := b.address(ctx, c)
	if err != nil {
		return nil, err
	}
	if b.headers != nil {
		for name := range c.Header {
			if !b.headers[name] {
				delete(c.Header, name)
			}
		}
	}
	req := &http.Request{
		Method:        cmp.Or(b.method, c.Method, http.MethodGet),
		URL:           u,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        c.Header,
		Body:          c.Body,
		ContentLength: c.Length,
		Trailer:       c.Trailer,
	}
	if c.Value != nil {
		ctx = context.WithValue(ctx, valueKey{}, c.Value)
	}
	return req.WithContext(ctx), nil
}

type valueKey struct{}

// Value finds what a call has beside the endpoint's parameters, by its name, for
// whatever stands around the transport: ctx is the request's. In a sequence that is
// resp0_a.b and resp0 (KrakenD v3, 1.7: sequential_propagated_params).
func Value(ctx context.Context, name string) (value string, ok bool) {
	if find, is := ctx.Value(valueKey{}).(func(string) (string, bool)); is {
		return find(name)
	}
	return "", false
}

// address is where c goes, on one of the hosts.
func (b *Backend) address(ctx context.Context, c *Call) (*url.URL, error) {
	all := &b.places
	if b.discovery != nil {
		var err error
		if all, err = b.discovery.places(ctx); err != nil {
			return nil, err
		}
	}
	i := all.pick()
	query := b.encode(c.Query)
	if all.fixed == nil {
		return b.target.url(&all.hosts[i], c, query)
	}
	if query == "" {
		return all.fixed[i], nil
	}
	u := *all.fixed[i]
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return &u, nil
}

func (b *Backend) encode(query url.Values) string {
	if b.queries != nil {
		for name := range query {
			if !b.queries[name] {
				delete(query, name)
			}
		}
	}
	if len(query) == 0 {
		return ""
	}
	return query.Encode()
}

// failure is err as http.Client would tell it, or why ctx ended. What stands around
// the transport and refuses the call itself, with a method Plain, has its own words.
func failure(ctx context.Context, req *http.Request, err error) error {
	if ended := context.Cause(ctx); ended != nil {
		return ended
	}
	if _, plain := err.(interface{ Plain() }); plain { //nolint:errorlint // ours, never wrapped
		return err
	}
	return &url.Error{Op: req.Method[:1] + strings.ToLower(req.Method[1:]), URL: req.URL.Redacted(), Err: err}
}
