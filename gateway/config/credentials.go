package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// ClientCredentials is extra_config."auth/client-credentials" of a backend: the token
// that the gateway shows it (KrakenD v3, 5; RFC 6749, 4.4).
type ClientCredentials struct {
	ClientID     string
	ClientSecret string
	TokenURL     string
	Scopes       []string
	Params       url.Values // endpoint_params: more fields of the form that asks for a token
}

// clientCredentials reads auth/client-credentials; nil when it is absent. Messages
// never repeat the secret.
func (b *block) clientCredentials() *ClientCredentials {
	if b == nil {
		return nil
	}
	c := &ClientCredentials{
		ClientID:     b.text("client_id"),
		ClientSecret: b.text("client_secret"),
		TokenURL:     b.text("token_url"),
		Params:       b.formParams("endpoint_params"),
	}
	// A text with commas, or a list of such.
	for _, text := range b.texts("scopes") {
		for scope := range strings.SplitSeq(text, ",") {
			if scope = strings.TrimSpace(scope); scope != "" {
				c.Scopes = append(c.Scopes, scope)
			}
		}
	}
	if c.ClientID == "" {
		b.problem(b.at("client_id"), "missing: the id of this gateway at the server that gives tokens")
	}
	u, err := url.Parse(c.TokenURL)
	switch {
	case c.TokenURL == "":
		b.problem(b.at("token_url"), "missing: the address that gives tokens")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		b.problem(b.at("token_url"), "must be an address such as https://issuer.example/token (got %s)", show(c.TokenURL))
	}
	b.close(nil)
	return c
}

// formParams reads an object of lists of texts.
func (b *block) formParams(key string) url.Values {
	o := b.object(key)
	if o == nil {
		return nil
	}
	params := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(o.values)) {
		if isComment(name) || o.values[name] == nil {
			continue
		}
		if name == "scope" || name == "client_id" || name == "client_secret" {
			b.problem(under(o.path, name), "has a key of its own beside endpoint_params")
			continue
		}
		params[name] = o.texts(name)
	}
	return params
}
