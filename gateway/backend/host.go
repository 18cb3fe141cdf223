package backend

import (
	"fmt"
	"net/url"
	"strings"
)

// host is one entry of a backend's host list: an origin with an optional base path.
type host struct {
	scheme, host string
	path         string // decoded, without a slash at its end
	escaped      string // the same, escaped
}

func parseHost(text string) (host, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return host{}, fmt.Errorf("host %q: %w", text, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return host{}, fmt.Errorf("host %q: must begin with http:// or https://", text)
	case u.Host == "":
		return host{}, fmt.Errorf("host %q: has no host name", text)
	case u.User != nil:
		return host{}, fmt.Errorf("host %q: must not hold a user or a password", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return host{}, fmt.Errorf("host %q: must not hold a query or a fragment", text)
	}
	return host{
		scheme:  u.Scheme,
		host:    u.Host,
		path:    strings.TrimRight(u.Path, "/"),
		escaped: strings.TrimRight(u.EscapedPath(), "/"),
	}, nil
}
