package identity

import (
	"net/netip"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestClientIP(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name    string
		in      wire.Headers
		remote  string
		trusted []netip.Prefix
		want    string
	}{
		{"the peer", nil, "192.0.2.1:5000", nil, "192.0.2.1"},
		{"the peer over IPv6", nil, "[2001:db8::1]:5000", nil, "2001:db8::1"},
		{"the peer with a zone", nil, "[fe80::1%eth0]:5000", nil, "fe80::1"},
		{"an IPv4 peer on an IPv6 socket", nil, "[::ffff:192.0.2.1]:5000", nil, "192.0.2.1"},
		{"a unix socket", nil, "@", nil, ""},
		{"left-most is believed", headers("X-Forwarded-For: 1.2.3.4, 5.6.7.8"), "192.0.2.1:1", nil, "1.2.3.4"},
		{"left-most of several lines", headers("X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8"), "192.0.2.1:1", nil, "1.2.3.4"},
		{"with a port", headers("X-Forwarded-For: 1.2.3.4:99"), "192.0.2.1:1", nil, "1.2.3.4"},
		{"IPv6 with brackets and port", headers("X-Forwarded-For: [2001:db8::2]:99"), "192.0.2.1:1", nil, "2001:db8::2"},
		{"garbage left-most: the peer", headers("X-Forwarded-For: unknown, 5.6.7.8"), "192.0.2.1:1", nil, "192.0.2.1"},
		{"X-Real-Ip", headers("X-Real-Ip: 1.2.3.4"), "192.0.2.1:1", nil, "1.2.3.4"},
		{"X-Forwarded-For before X-Real-Ip", headers("X-Real-Ip: 9.9.9.9", "X-Forwarded-For: 1.2.3.4"), "192.0.2.1:1", nil, "1.2.3.4"},
		{"garbage X-Real-Ip", headers("X-Real-Ip: nope"), "192.0.2.1:1", nil, "192.0.2.1"},

		{"untrusted peer: its headers do not count", headers("X-Forwarded-For: 1.2.3.4", "X-Real-Ip: 1.2.3.4"), "192.0.2.1:1", proxies, "192.0.2.1"},
		{"right-most that is not trusted", headers("X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2"), "10.0.0.1:1", proxies, "1.2.3.4"},
		{"right-most over several lines", headers("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 1.2.3.4, 10.0.0.2"), "10.0.0.1:1", proxies, "1.2.3.4"},
		{"all trusted: the left-most", headers("X-Forwarded-For: 10.0.0.9, fd00::1"), "10.0.0.1:1", proxies, "10.0.0.9"},
		{"garbage stops the walk", headers("X-Forwarded-For: 1.2.3.4, x, 10.0.0.2"), "10.0.0.1:1", proxies, "10.0.0.2"},
		{"trusted peer without headers", nil, "10.0.0.1:1", proxies, "10.0.0.1"},
		{"trusted peer with X-Real-Ip", headers("X-Real-Ip: 1.2.3.4"), "10.0.0.1:1", proxies, "1.2.3.4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ClientIP(tt.in, tt.remote, tt.trusted); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzClientIP(f *testing.F) {
	f.Add("1.2.3.4, 5.6.7.8", "10.0.0.1:80")
	f.Add("[::1]:x,,", "")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, list, remote string) {
		h := wire.Headers{{Name: "X-Forwarded-For", Value: list}}
		for _, prefixes := range [][]netip.Prefix{nil, trusted} {
			if got := ClientIP(h, remote, prefixes); got != "" {
				if _, err := netip.ParseAddr(got); err != nil {
					t.Fatalf("not an address: %q", got)
				}
			}
		}
	})
}
