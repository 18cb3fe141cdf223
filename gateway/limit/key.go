package limit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// keyOf tells one client from another; "" when a request does not say. values are
// the parameters of the endpoint.
type keyOf func(r *http.Request, values []string) string

// newKey compiles a strategy. params are the names of the endpoint's parameters.
func newKey(s config.Strategy, params []string, ip func(*http.Request) string) keyOf {
	switch s.By {
	case "header":
		return func(r *http.Request, _ []string) string { return first(r.Header[s.Key]) }
	case "param":
		i := slices.Index(params, s.Key)
		return func(_ *http.Request, values []string) string {
			if i < 0 || i >= len(values) {
				return ""
			}
			return values[i]
		}
	}
	return func(r *http.Request, _ []string) string {
		if s.Key != "" {
			if ip := leftmost(first(r.Header[s.Key])); ip.IsValid() {
				return ip.String()
			}
		}
		return ip(r)
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// leftmost is the first address of a list, with or without a port.
func leftmost(list string) netip.Addr {
	text, _, _ := strings.Cut(list, ",")
	text = strings.TrimSpace(text)
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap()
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}
