package config

import "slices"

// tlsVersions are the names of versions, oldest first, as the file writes them.
var tlsVersions = []string{"TLS10", "TLS11", "TLS12", "TLS13"}

// serverTLS reads tls; nil when it is absent or disabled.
func (b *block) serverTLS() *TLS {
	o := b.object("tls")
	if o == nil {
		return nil
	}
	before := len(b.problems)
	t := &TLS{
		MinVersion:          o.tlsVersion("min_version"),
		MaxVersion:          o.tlsVersion("max_version"),
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
	o.refuse("cipher_suites", "other ciphers would be allowed")
	o.refuse("curve_preferences", "other curves would be allowed")
	if o.flag("disabled") {
		b.problems = b.problems[:before] // a block that is switched off need not be right
		return nil
	}
	if len(t.Keys) == 0 && len(b.problems) == before {
		b.problem(o.at("keys"), "missing: name the files of a public_key and a private_key, or set tls.disabled")
	}
	if slices.Index(tlsVersions, t.MinVersion) > slices.Index(tlsVersions, t.MaxVersion) {
		b.problem(o.at("max_version"), "%s is older than min_version %s", t.MaxVersion, t.MinVersion)
	}
	o.close(nil)
	return t
}

// tlsVersion defaults to TLS13 at both ends, as KrakenD does. An unknown version
// is refused: KrakenD takes TLS13 for it in silence.
func (b *block) tlsVersion(key string) string {
	v := b.text(key)
	if v == "" {
		return "TLS13"
	}
	if !slices.Contains(tlsVersions, v) {
		b.problem(b.at(key), "must be TLS10, TLS11, TLS12 or TLS13 (got %s)", show(v))
		return "TLS13"
	}
	return v
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
	b.refuse("cipher_suites", "other ciphers would be allowed")
	b.refuse("curve_preferences", "other curves would be allowed")
	if v := b.text("min_version"); v != "" && v != "TLS12" {
		b.problem(b.at("min_version"), "not supported yet: TLS12 is the oldest version towards backends (got %s)", show(v))
	}
	if v := b.text("max_version"); v != "" && v != "TLS13" {
		b.problem(b.at("max_version"), "not supported yet: TLS13 is the newest version towards backends (got %s)", show(v))
	}
	b.close(nil)
}
