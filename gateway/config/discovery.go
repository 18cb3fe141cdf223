package config

import (
	"cmp"
	"strings"
	"time"
)

// Discovery finds the hosts of a backend by DNS SRV records (KrakenD v3, 1.4).
type Discovery struct {
	Name   string        // of the records
	Scheme string        // of the hosts they name: http or https
	TTL    time.Duration // how long an answer is used
}

const (
	defaultDNSCacheTTL = 30 * time.Second
	shortestDNSCache   = time.Second // less is ignored (KrakenD v3, 1.2)
)

// dnsCacheTTL reads dns_cache_ttl of the root.
func (b *block) dnsCacheTTL() time.Duration {
	ttl := b.duration("dns_cache_ttl")
	if ttl != 0 && ttl < shortestDNSCache {
		b.warn(b.at("dns_cache_ttl"), "less than %v is ignored, %v is taken (got %v)", shortestDNSCache, defaultDNSCacheTTL, ttl)
		return defaultDNSCacheTTL
	}
	return cmp.Or(ttl, defaultDNSCacheTTL)
}

// hostsOf reads where a backend is: hosts by name, or by the records of the first.
func (b *block) hostsOf(s *Service, out *Backend) {
	sd, scheme := b.text("sd"), cmp.Or(b.text("sd_scheme"), "http")
	switch sd {
	case "dns", "dns-shared": // every backend looks up for itself
	case "", "static":
		out.Hosts = b.backendHosts(s)
		return
	default:
		out.Hosts = b.backendHosts(s)
		b.warn(b.at("sd"), "%s is unknown, static is taken", show(sd))
		return
	}
	b.ignore("disable_host_sanitize")
	names := b.texts("host")
	where := b.elementAt("host", 0)
	if len(names) == 0 {
		names = s.Host
	}
	if len(names) == 0 {
		b.problem(b.at("host"), "missing: the first host is the name of the SRV records")
		return
	}
	if len(names) > 1 {
		b.warn(b.at("host"), "only the first is looked up with sd %s (got %d)", sd, len(names))
	}
	name := strings.TrimRight(withoutScheme(names[0]), "/")
	if !hostName.MatchString(name) {
		b.problem(where, "the first host is the name of the SRV records, such as _http._tcp.api.example.com (got %s)", show(names[0]))
	}
	if scheme != "http" && scheme != "https" {
		b.problem(b.at("sd_scheme"), "must be http or https (got %s)", show(scheme))
	}
	out.Discovery = &Discovery{Name: name, Scheme: scheme, TTL: s.DNSCacheTTL}
}

// withoutScheme undoes what sanitising puts before a name.
func withoutScheme(host string) string {
	if _, rest, ok := strings.Cut(host, "://"); ok {
		return rest
	}
	return host
}
