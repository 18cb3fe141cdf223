package modify

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Seen are what the gateway knows of a request better than the request itself.
type Seen struct {
	Client func(*http.Request) string           // the client's address
	Path   func(*http.Request) string           // decoded, as it was matched
	Claims func(context.Context) map[string]any // of the validated token; nil for none
}

// view is what an endpoint's expressions and scripts see of a request: what it lets
// through, and what the gateway adds, as KrakenD has it.
type view struct {
	headers, queries       []string
	allHeaders, allQueries bool
	Seen
}

func newView(e *config.Endpoint, seen Seen) view {
	v := view{
		headers: e.InputHeaders, allHeaders: slices.Contains(e.InputHeaders, "*"),
		queries: e.InputQueryStrings, allQueries: slices.Contains(e.InputQueryStrings, "*"),
		Seen: seen,
	}
	if len(v.headers) == 0 {
		v.headers = []string{"Content-Type"}
	}
	return v
}

// fields are the request's headers, in the order of the list or, with *, in none.
func (v *view) fields(r *http.Request) wire.Headers {
	var list wire.Headers
	add := func(name string) {
		switch name {
		case "X-Forwarded-For", "X-Forwarded-Host":
			return
		}
		for _, value := range r.Header[name] {
			list = append(list, wire.Header{Name: name, Value: value})
		}
	}
	if v.allHeaders {
		for name := range r.Header {
			add(name)
		}
	} else {
		for _, name := range v.headers {
			add(name)
		}
	}
	return append(list,
		wire.Header{Name: "X-Forwarded-For", Value: v.Client(r)},
		wire.Header{Name: "X-Forwarded-Host", Value: r.Host})
}

// query is the part of the query string that the endpoint lets through.
func (v *view) query(r *http.Request) string {
	if v.allQueries || r.URL.RawQuery == "" {
		return r.URL.RawQuery
	}
	passed := url.Values{}
	all := r.URL.Query()
	for _, name := range v.queries {
		if values, ok := all[name]; ok {
			passed[name] = values
		}
	}
	return passed.Encode()
}

// fieldsOf are all of h, in no order.
func fieldsOf(h http.Header) wire.Headers {
	list := make(wire.Headers, 0, len(h))
	for name, values := range h {
		for _, value := range values {
			list = append(list, wire.Header{Name: name, Value: value})
		}
	}
	return list
}
