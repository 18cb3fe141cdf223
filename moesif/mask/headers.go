package mask

import "strings"

// DefaultHeaders are the header fields that carry credentials, whatever the API.
var DefaultHeaders = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Cookie2", "Set-Cookie2",
	"X-Api-Key", "Api-Key", "ApiKey", "X-Apikey", "X-Api-Token", "X-Api-Secret", "X-Auth-Token", "X-Auth-Key", "X-Access-Token",
	"X-Session-Token", "X-Session-Id", "X-User-Token", "X-Refresh-Token", "X-Id-Token", "X-Client-Secret", "X-Secret", "X-Token",
	"X-Csrf-Token", "X-Xsrf-Token", "X-Forwarded-Access-Token", "X-Forwarded-Authorization", "X-Original-Authorization",
	"X-Amz-Security-Token", "X-Goog-Api-Key", "X-Goog-Iam-Authorization-Token", "Ocp-Apim-Subscription-Key", "X-Ms-Client-Principal",
	"X-Amzn-Oidc-Data", "X-Amzn-Oidc-Accesstoken", "Cf-Access-Jwt-Assertion", "X-Vault-Token", "Private-Token", "X-Gitlab-Token",
	"X-Shopify-Access-Token", "X-Consul-Token", "X-Figma-Token", "X-Rapidapi-Key", "X-Functions-Key",
}

// uriHeaders are the fields that hold a URI, whatever the API.
var uriHeaders = []string{
	"Location", "Content-Location", "Referer", "Destination", "Refresh", "X-Original-Url", "X-Original-Uri", "X-Rewrite-Url",
	"X-Forwarded-Uri", "X-Envoy-Original-Path", "Hx-Current-Url", "Hx-Redirect",
}

// treatment is what is done to the value of a field.
type treatment uint8

const (
	keep  treatment = iota
	uri             // its query is masked
	links           // a list of <URI>; parameters (RFC 8288)
	hide
)

// Headers masks header fields. It is immutable and safe for concurrent use; a nil
// *Headers masks nothing.
type Headers struct {
	names map[string]treatment // folded
	query *Query
}

// NewHeaders compiles the names of fields to mask, in any case. The query masks,
// if any, are applied to fields that hold a URI (Location, Referer, Link).
func NewHeaders(list []string, query *Query) *Headers {
	h := &Headers{names: make(map[string]treatment, len(list)), query: query}
	if query != nil {
		h.treat(uri, uriHeaders...)
		h.treat(links, "Link")
	}
	h.treat(hide, list...)
	return h
}

func (h *Headers) treat(how treatment, list ...string) {
	for _, name := range list {
		if name = strings.TrimSpace(name); name != "" {
			h.names[string(fold(nil, name))] = how
		}
	}
}

func (h *Headers) treatment(name string) treatment {
	var room [64]byte
	return h.names[string(fold(room[:0], name))]
}

// Masked reports whether the values of the named field are masked.
func (h *Headers) Masked(name string) bool { return h != nil && h.treatment(name) == hide }

// Value returns what may be sent of one value of the named field. It allocates
// only when a URI is changed.
func (h *Headers) Value(name, value string) string {
	if h == nil || value == "" {
		return value
	}
	switch h.treatment(name) {
	case hide:
		return Masked
	case uri:
		return h.query.URI(value)
	case links:
		return h.links(value)
	}
	return value
}

// links masks each URI in angle brackets.
func (h *Headers) links(value string) string {
	var out strings.Builder
	done := 0 // value[:done] is in out, once something was masked
	for i := 0; i < len(value); {
		start := i + indexAny(value[i:], "<")
		end := start + indexAny(value[start:], ">")
		if target := value[start:end]; target != h.query.URI(target) {
			out.WriteString(value[done:start])
			out.WriteString(h.query.URI(target))
			done = end
		}
		i = max(end, i+1)
	}
	if done == 0 {
		return value
	}
	out.WriteString(value[done:])
	return out.String()
}
