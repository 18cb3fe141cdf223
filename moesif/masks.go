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
	query                           *mask.Query // nil: the URI stays as it is
}

func newMasks(c Config) masks {
	m := masks{
		requestBody:  mask.New(c.RequestBodyMasks),
		responseBody: mask.New(c.ResponseBodyMasks),
	}
	var always []string
	if c.DefaultMasks {
		always = mask.DefaultHeaders
		m.query = mask.NewQuery(mask.DefaultQuery)
	}
	m.requestHeaders = mask.NewHeaders(slices.Concat(always, c.RequestHeaderMasks), m.query)
	m.responseHeaders = mask.NewHeaders(slices.Concat(always, c.ResponseHeaderMasks), m.query)
	return m
}

// appendMasked appends what may be sent of the fields in h.
func appendMasked(dst wire.Headers, h wire.Headers, m *mask.Headers) wire.Headers {
	for _, field := range h {
		dst = append(dst, wire.Header{Name: field.Name, Value: m.Value(field.Name, field.Value)})
	}
	return dst
}
