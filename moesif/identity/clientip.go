package identity

import (
	"net/netip"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// ClientIP returns the address of the client, "" when nothing tells it.
// remoteAddr is the peer's "address:port".
//
// Without trusted proxies the left-most X-Forwarded-For is believed, then
// X-Real-Ip, then the peer (KrakenD v3, 1.6 and 9). With them, forwarding headers
// count only when the peer is trusted, and the client is the right-most address
// that is not.
func ClientIP(h wire.Headers, remoteAddr string, trusted []netip.Prefix) string {
	peer := parseAddr(remoteAddr)
	if len(trusted) > 0 && !among(trusted, peer) {
		return text(peer)
	}
	if client := forwarded(h, trusted); client.IsValid() {
		return text(client)
	}
	if value, ok := Header(h, "X-Real-Ip"); ok {
		if addr := parseAddr(value); addr.IsValid() {
			return text(addr)
		}
	}
	return text(peer)
}

// forwarded walks X-Forwarded-For, all its lines as one list, towards the client.
func forwarded(h wire.Headers, trusted []netip.Prefix) netip.Addr {
	var client netip.Addr
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].Name != "X-Forwarded-For" {
			continue
		}
		for list := h[i].Value; list != ""; {
			last := list
			if comma := strings.LastIndexByte(list, ','); comma >= 0 {
				list, last = list[:comma], list[comma+1:]
			} else {
				list = ""
			}
			addr := parseAddr(last)
			switch {
			case len(trusted) == 0:
				client = addr
			case !addr.IsValid():
				return client
			case !among(trusted, addr):
				return addr
			default:
				client = addr
			}
		}
	}
	return client
}

// parseAddr reads an address with or without a port; the zero Addr when it is none.
func parseAddr(s string) netip.Addr {
	s = strings.TrimSpace(s)
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return addr.Unmap().WithZone("")
	}
	if addr, err := netip.ParseAddrPort(s); err == nil {
		return addr.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

func among(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func text(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}
