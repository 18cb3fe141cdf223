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

// Headers masks header fields. It is immutable and safe for concurrent use; a nil
// *Headers masks nothing.
type Headers struct {
	names map[string]struct{} // folded
	query *Query
}

// NewHeaders compiles the names of fields to mask, in any case. The query masks,
// if any, are applied to fields that hold a URI (Location, Referer).
func NewHeaders(list []string, query *Query) *Headers {
	h := &Headers{names: make(map[string]struct{}, len(list)), query: query}
	for _, name := range list {
		if name = strings.TrimSpace(name); name != "" {
			h.names[string(fold(nil, name))] = struct{}{}
		}
	}
	return h
}

// Masked reports whether the values of the named field are masked.
func (h *Headers) Masked(name string) bool {
	if h == nil {
		return false
	}
	var room [64]byte
	_, masked := h.names[string(fold(room[:0], name))]
	return masked
}

// Value returns what may be sent of one value of the named field. It allocates
// only when a URI is changed.
func (h *Headers) Value(name, value string) string {
	switch {
	case h == nil || value == "":
		return value
	case h.Masked(name):
		return Masked
	case h.query != nil && (strings.EqualFold(name, "Location") || strings.EqualFold(name, "Referer") || strings.EqualFold(name, "Content-Location")):
		return h.query.URI(value)
	}
	return value
}
