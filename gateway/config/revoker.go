package config

import (
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Revoker is extra_config."auth/revoker" of the service (KrakenD v3, 3): tokens whose
// claims were revoked are refused by every auth/validator.
//
// KrakenD keeps a bloom filter that is made for N values and wrong with probability P.
// Here the values are kept exactly, N of them at most, so that P and hash_name have
// nothing to say.
type Revoker struct {
	Most          int           // N: values that are remembered at a time
	TTL           time.Duration // for how long each is
	Keys          []string      // token_keys: names of claims
	ListenAddress string        // of the interface that revokes; "" for none
	APIKey        string        // that it asks for; "" for none
}

// longestRevocation bounds TTL, in seconds: ten years.
const longestRevocation = 10 * 366 * 24 * 60 * 60

// revoker reads auth/revoker; nil when it is absent.
func (b *block) revoker() *Revoker {
	if b == nil {
		return nil
	}
	r := &Revoker{
		Most:          b.number("N", most32),
		TTL:           time.Duration(b.number("TTL", longestRevocation)) * time.Second,
		Keys:          b.texts("token_keys"),
		APIKey:        b.text("api_key"),
		ListenAddress: b.revokerAddress(),
	}
	b.oneOf("hash_name", "optimal", []string{"default", "optimal", "alternative"})
	if v, path, ok := b.find("P"); ok {
		if p, ok := asFloat(v); !ok || !(p > 0 && p < 1) {
			b.problem(path, "must be a number between 0 and 1 (got %s)", show(v))
		}
	}
	if b.mayLack("N") && r.Most == 0 {
		b.problem(b.at("N"), "must be at least 1: how many revoked values are remembered at a time")
	}
	if b.mayLack("TTL") && r.TTL == 0 {
		b.problem(b.at("TTL"), "must be at least 1: for how many seconds a value stays revoked (as long as tokens live)")
	}
	if !b.has("token_keys") || b.emptyList("token_keys") {
		b.problem(b.at("token_keys"), "missing: the claims that tokens are revoked by, such as jti")
	}
	for i, key := range r.Keys {
		if key == "" {
			b.problem(b.elementAt("token_keys", i), "must be the name of a claim (got %s)", show(key))
		}
	}
	b.beyondLoopback(r)
	for _, key := range []string{"revoke_server", "revoke_server_ping_url", "revoke_server_ping_interval", "revoke_server_api_key", "revoke_server_max_workers", "revoke_server_max_retries"} {
		if _, path, ok := b.find(key); ok {
			b.warn(path, "a revoke server is not supported, ignored: what it revokes does not arrive here; let it call the gateway's own port (POST /add)")
		}
	}
	b.close(nil)
	return r
}

// mayLack reports whether nothing was said about a number yet: it is absent, or 0.
func (b *block) mayLack(key string) bool {
	v, _, ok := b.find(key)
	n, isInt := asInt(v)
	return !ok || isInt && n == 0
}

// revokerAddress is where the interface listens: on the loopback unless listen_ip, a key
// of ours, says otherwise.
func (b *block) revokerAddress() string {
	port, ip := b.number("port", 65535), b.textOr("listen_ip", "127.0.0.1")
	if _, err := netip.ParseAddr(ip); err != nil {
		b.problem(b.at("listen_ip"), "must be an IP address such as 127.0.0.1 or :: (got %s)", show(ip))
	}
	if port == 0 {
		if b.mayLack("port") {
			b.warn(b.at("port"), "missing, so nothing can revoke a token")
		}
		return ""
	}
	return net.JoinHostPort(ip, strconv.Itoa(port))
}

func (b *block) beyondLoopback(r *Revoker) {
	if r.ListenAddress == "" || r.APIKey != "" {
		return
	}
	host, _, _ := net.SplitHostPort(r.ListenAddress)
	if addr, err := netip.ParseAddr(host); err == nil && !addr.IsLoopback() {
		b.problem(b.at("api_key"), "missing: on %s anybody could revoke tokens (set it, or leave listen_ip out)", r.ListenAddress)
	}
}

// revokes warns of a revoker that no endpoint asks.
func (b *block) revokes(s *Service) {
	if s.Revoker == nil {
		return
	}
	for i := range s.Endpoints {
		if s.Endpoints[i].Validator != nil {
			return
		}
	}
	b.warn("extra_config.auth/revoker", "has no effect: no endpoint has an auth/validator")
}
