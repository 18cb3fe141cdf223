package config

import (
	"crypto/tls"
	"slices"
	"strings"
)

// tlsVersions are the names of versions, oldest first, as the file writes them.
var tlsVersions = []string{"TLS10", "TLS11", "TLS12", "TLS13"}

// TLSVersion is the number of a version by its name; absent for none.
func TLSVersion(name string, absent uint16) uint16 {
	switch name {
	case "TLS10":
		return tls.VersionTLS10
	case "TLS11":
		return tls.VersionTLS11
	case "TLS12":
		return tls.VersionTLS12
	case "TLS13":
		return tls.VersionTLS13
	}
	return absent
}

// serverTLS reads tls; nil when it is absent or disabled.
func (b *block) serverTLS() *TLS {
	o := b.object("tls")
	if o == nil {
		return nil
	}
	before, warned := len(b.problems), len(b.warnings)
	t := &TLS{
		MinVersion:          o.tlsVersion("min_version", "TLS13"), // both as KrakenD has it
		MaxVersion:          o.tlsVersion("max_version", "TLS13"),
		EnableMTLS:          o.flag("enable_mtls"),
		CACerts:             o.texts("ca_certs"),
		DisableSystemCAPool: o.flag("disable_system_ca_pool"),
	}
	for k := range o.objects("keys") {
		t.Keys = append(t.Keys, k.keyPair())
		k.close(nil)
	}
	if o.has("public_key") || o.has("private_key") { // one pair, as older files have it
		t.Keys = append(t.Keys, o.keyPair())
	}
	o.ignore("public_key", "private_key")
	t.Ciphers, t.Curves = o.ciphers(t.MinVersion), o.curves()
	if o.flag("disabled") {
		// A block that is switched off need not be right.
		b.problems, b.warnings = b.problems[:before], b.warnings[:warned]
		return nil
	}
	if len(t.Keys) == 0 && len(b.problems) == before {
		b.problem(o.at("keys"), "missing: name the files of a public_key and a private_key, or set tls.disabled")
	}
	o.newerThan(t.MinVersion, t.MaxVersion)
	o.close(nil)
	return t
}

func (b *block) newerThan(oldest, newest string) {
	if slices.Index(tlsVersions, oldest) > slices.Index(tlsVersions, newest) {
		b.problem(b.at("max_version"), "%s is older than min_version %s", newest, oldest)
	}
}

// tlsVersion is TLS13 where nobody knows the name, as in KrakenD (v3, 1.9). Nobody
// speaks SSL3.0 any more, so as the oldest version it is TLS10.
func (b *block) tlsVersion(key, absent string) string {
	v := b.text(key)
	switch {
	case v == "":
		return absent
	case v == "SSL3.0" && key == "min_version":
		b.warn(b.at(key), "SSL3.0 is not spoken any more, TLS10 is taken")
		return "TLS10"
	case v == "SSL3.0":
		b.problem(b.at(key), "SSL3.0 is not spoken any more: must be one of %s", strings.Join(tlsVersions, ", "))
	case !slices.Contains(tlsVersions, v):
		b.warn(b.at(key), "%s is unknown, TLS13 is taken (one of %s)%s", show(v), strings.Join(tlsVersions, ", "), didYouMean(v, tlsVersions))
	default:
		return v
	}
	return "TLS13"
}

// ciphers reads cipher_suites, the numbers of those to allow before TLS 1.3, which
// chooses its own.
func (b *block) ciphers(oldest string) []uint16 {
	list := b.numbers16("cipher_suites")
	if len(list) > 0 && oldest == "TLS13" {
		b.warn(b.at("cipher_suites"), "has no effect: TLS 1.3 chooses its own, and min_version is TLS13")
		return nil
	}
	number := func(n uint16) func(*tls.CipherSuite) bool {
		return func(s *tls.CipherSuite) bool { return s.ID == n }
	}
	for i, n := range list {
		switch {
		case slices.ContainsFunc(tls.InsecureCipherSuites(), number(n)):
			b.warn(b.elementAt("cipher_suites", i), "%s is weak, and allowed since it is named", tls.CipherSuiteName(n))
		case !slices.ContainsFunc(tls.CipherSuites(), number(n)):
			b.warn(b.elementAt("cipher_suites", i), "%d is no cipher suite that can be spoken, ignored", n)
		}
	}
	return list
}

// curves reads curve_preferences, the numbers of those to allow.
func (b *block) curves() []tls.CurveID {
	var known []tls.CurveID
	list := b.numbers16("curve_preferences")
	for i, n := range list {
		switch curve := tls.CurveID(n); curve {
		case tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024:
			known = append(known, curve)
		default:
			b.warn(b.elementAt("curve_preferences", i), "%d is no curve that can be spoken, ignored", n)
		}
	}
	if len(list) > 0 && known == nil {
		b.problem(b.at("curve_preferences"), "names no curve that can be spoken: 23 is P-256, 24 P-384, 25 P-521, 29 X25519")
	}
	return known
}

// numbers16 reads a list of numbers of 16 bits; it is nil when one is wrong.
func (b *block) numbers16(key string) []uint16 {
	v, path, ok := b.find(key)
	if !ok {
		return nil
	}
	list, several := v.([]any)
	if !several {
		list = []any{v}
	}
	var out []uint16
	for i, e := range list {
		n, ok := asInt(e)
		if !ok || n < 0 || n > 1<<16-1 {
			if several {
				path = item(path, i)
			}
			b.problem(path, "must be a whole number from 0 to 65535 (got %s)", show(e))
			return nil
		}
		out = append(out, uint16(n))
	}
	return out
}

func (b *block) keyPair() KeyPair {
	pair := KeyPair{PublicKey: b.text("public_key"), PrivateKey: b.text("private_key")}
	if pair.PublicKey == "" {
		b.problem(b.at("public_key"), "missing: name the file of the certificate (PEM)")
	}
	if pair.PrivateKey == "" {
		b.problem(b.at("private_key"), "missing: name the file of the key (PEM)")
	}
	return pair
}

// clientTLS reads client_tls and the older root key for insecure connections.
func (b *block) clientTLS() ClientTLS {
	c := ClientTLS{AllowInsecureConnections: b.flag("allow_insecure_connections")}
	o := b.object("client_tls")
	if o == nil {
		return c
	}
	o.clientTLSInto(&c)
	return c
}

// clientTLSInto reads the keys of client_tls, of the service or of one backend.
func (b *block) clientTLSInto(c *ClientTLS) {
	if b.flag("allow_insecure_connections") {
		c.AllowInsecureConnections = true
	}
	c.CACerts = b.texts("ca_certs")
	c.DisableSystemCAPool = b.flag("disable_system_ca_pool")
	for k := range b.objects("client_certs") {
		pair := KeyPair{PublicKey: k.text("certificate"), PrivateKey: k.text("private_key")}
		if pair.PublicKey == "" || pair.PrivateKey == "" {
			b.problem(k.path, "must name the files of a certificate and of its private_key (PEM)")
		}
		c.Certs = append(c.Certs, pair)
		k.close(nil)
	}
	// A backend that stops at TLS 1.2 is reached without a word about it.
	c.MinVersion, c.MaxVersion = b.tlsVersion("min_version", "TLS12"), b.tlsVersion("max_version", "TLS13")
	b.newerThan(c.MinVersion, c.MaxVersion)
	c.Ciphers, c.Curves = b.ciphers(c.MinVersion), b.curves()
	b.close(nil)
}
