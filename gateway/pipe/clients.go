package pipe

import (
	"net/http"
	"net/netip"
	"strings"
)

// Clients tells a client's address (KrakenD v3, 1.6 and 9).
type Clients struct {
	Headers []string       // canonical, in order; nil takes X-Forwarded-For and X-Real-Ip
	Trusted []netip.Prefix // empty: everybody is believed
}

var remoteIPHeaders = []string{"X-Forwarded-For", "X-Real-Ip"}

// IP returns the address of r's client. Without trusted proxies that is the
// left-most in the first header that has one; with them, headers count only when
// the peer is trusted, and it is the right-most address that is not.
func (c *Clients) IP(r *http.Request) string {
	peer := peerIP(r.RemoteAddr)
	headers := c.Headers
	if headers == nil {
		headers = remoteIPHeaders
	}
	for _, name := range headers {
		values := r.Header[name]
		if len(values) == 0 {
			continue
		}
		if len(c.Trusted) > 0 && !c.trusts(parseIP(peer)) {
			break
		}
		if ip := c.forwarded(strings.Join(values, ",")); ip.IsValid() {
			return ip.String()
		}
	}
	return peer
}

func (c *Clients) forwarded(list string) netip.Addr {
	if len(c.Trusted) == 0 {
		first, _, _ := strings.Cut(list, ",")
		return parseIP(first)
	}
	for more := true; more; {
		last := list
		comma := strings.LastIndexByte(list, ',')
		if more = comma >= 0; more {
			list, last = list[:comma], list[comma+1:]
		}
		ip := parseIP(last)
		if !ip.IsValid() || !more || !c.trusts(ip) {
			return ip
		}
	}
	return netip.Addr{}
}

func (c *Clients) trusts(ip netip.Addr) bool {
	for _, prefix := range c.Trusted {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// peerIP cuts the port, and the brackets of IPv6, off an address.
func peerIP(addr string) string {
	colon := strings.LastIndexByte(addr, ':')
	if colon < 0 {
		return addr
	}
	return strings.Trim(addr[:colon], "[]")
}

func parseIP(text string) netip.Addr {
	ip, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}
