package audit

import (
	"net/netip"
	"net/url"
)

// inClear reports whether a URL leads to another machine without TLS.
func inClear(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err != nil || !addr.IsLoopback()
}
