package config

import (
	"slices"
	"strings"
)

// Signer is extra_config."auth/signer" of an endpoint (KrakenD v3, 1.8 and 2.1): claims
// in the backend's answer become tokens.
type Signer struct {
	Alg          string   // one of algs
	KeyID        string   // kid, of the set's key and of the tokens' header
	Keys         []string // keys_to_sign: of the answer's data, at the top
	JWKURL       string   // "" when JWKLocalPath is there
	JWKLocalPath string   // a file with a JWK set
	JWKLocalCA   string   // a file with the certificates that JWKURL is trusted by; "" for the system's
	CipherSuites []uint16 // towards JWKURL, as crypto/tls numbers them; nil: Go's
	Pins         [][]byte // jwk_fingerprints, as of a Validator
	Insecure     bool     // disable_jwk_security: JWKURL may be http
	Full         bool     // JSON serialization instead of the compact one (RFC 7515, 7.2.2)
}

// signer reads auth/signer; nil when it is absent.
func (b *block) signer() *Signer {
	if b == nil {
		return nil
	}
	s := &Signer{
		Alg:          b.oneOf("alg", "", algs),
		KeyID:        b.text("kid"),
		Keys:         b.texts("keys_to_sign"),
		JWKURL:       b.text("jwk_url"),
		JWKLocalPath: b.text("jwk_local_path"),
		JWKLocalCA:   b.text("jwk_local_ca"),
		CipherSuites: b.cipherSuites("cipher_suites"),
		Pins:         b.pins("jwk_fingerprints"),
		Insecure:     b.flag("disable_jwk_security"),
		Full:         b.flag("full"),
	}
	if !b.has("alg") {
		b.problem(b.at("alg"), "missing: the algorithm to sign with (one of %s)", strings.Join(algs, ", "))
	}
	if s.KeyID == "" {
		b.problem(b.at("kid"), "missing: which key of the set to sign with")
	}
	if !b.has("keys_to_sign") || b.emptyList("keys_to_sign") {
		b.problem(b.at("keys_to_sign"), "missing: nothing would be signed (name the fields of the answer that become tokens, such as access_token)")
	}
	for i, key := range s.Keys {
		if slices.Contains(s.Keys[:i], key) {
			b.warn(b.elementAt("keys_to_sign", i), "%s stands twice", show(key))
		}
	}
	b.keyAddress(keyAddress{&s.JWKURL, s.JWKLocalPath, s.Insecure, s.Pins})
	b.encryptedKeys()
	b.ignore("leeway") // a signature has no age
	b.close(map[string]string{"cache": "the keys are always kept", "cache_duration": "the keys are always kept"})
	return s
}

// signs reads auth/signer of e. What is signed is an object, and KrakenD answers with it
// as JSON, whatever output_encoding says.
func (b *block) signs(signer *block, e *Endpoint) {
	e.Signer = signer.signer()
	if e.Signer == nil || e.OutputEncoding == "json" {
		return
	}
	if e.OutputEncoding == "no-op" {
		b.problem(b.at("output_encoding"), "a no-op endpoint hands the answer on as it is, and auth/signer would sign nothing (make it json)")
		return
	}
	b.warn(b.at("output_encoding"), "an endpoint with auth/signer answers in JSON (got %s)", show(e.OutputEncoding))
	e.OutputEncoding = "json"
}

// toldTokens warns of tokens that events would tell.
func (b *block) toldTokens(s *Service) {
	if s.Moesif == nil || !s.Moesif.LogBody {
		return
	}
	var said []string
	for i := range s.Endpoints {
		signer := s.Endpoints[i].Signer
		if signer == nil {
			continue
		}
		for _, key := range signer.Keys {
			is := func(masked string) bool { return strings.EqualFold(masked, key) }
			if slices.Contains(said, key) || slices.ContainsFunc(s.Moesif.ResponseBodyMasks, is) {
				continue
			}
			said = append(said, key)
			b.warn("extra_config.telemetry/moesif.response_body_masks", "lacks %s, which auth/signer makes a token of: events would tell it", show(key))
		}
	}
}
