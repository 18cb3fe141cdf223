package moesif

import (
	"slices"

	"github.com/gatemeter/gatemeter/moesif/mask"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// masks are what of an exchange does not leave the house.
type masks struct {
	requestBody, responseBody       *mask.Body
	requestHeaders, responseHeaders *mask.Headers
	query                           *mask.Query // of the URI; nil: it stays as it is
}

func newMasks(c Config) masks {
	m := masks{
		requestBody:  mask.New(c.RequestBodyMasks),
		responseBody: mask.New(c.ResponseBodyMasks),
	}
	var headers, parameters []string
	if c.DefaultMasks {
		headers, parameters = mask.DefaultHeaders, mask.DefaultQuery
	}
	// A field has the same name in a form's body and in its query string.
	m.query = query(parameters, c.RequestBodyMasks)
	m.requestHeaders = mask.NewHeaders(slices.Concat(headers, c.RequestHeaderMasks), m.query)
	m.responseHeaders = mask.NewHeaders(slices.Concat(headers, c.ResponseHeaderMasks), query(parameters, c.ResponseBodyMasks))
	return m
}

// query masks the parameters of both lists; nil when there are none.
func query(always, configured []string) *mask.Query {
	if len(always)+len(configured) == 0 {
		return nil
	}
	return mask.NewQuery(slices.Concat(always, configured))
}

// appendMasked appends what may be sent of the fields in h.
func appendMasked(dst wire.Headers, h wire.Headers, m *mask.Headers) wire.Headers {
	for _, field := range h {
		dst = append(dst, wire.Header{Name: field.Name, Value: m.Value(field.Name, field.Value)})
	}
	return dst
}
