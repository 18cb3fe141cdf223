package config

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Validator is extra_config."auth/validator" of an endpoint (KrakenD v3, 3).
type Validator struct {
	Alg           string        // one of algs
	JWKURL        string        // "" when JWKLocalPath is there
	JWKLocalPath  string        // a file with a JWK set
	JWKLocalCA    string        // a file with the certificates that JWKURL is trusted by; "" for the system's
	CipherSuites  []uint16      // towards JWKURL, as crypto/tls numbers them; nil: Go's
	Pins          [][]byte      // jwk_fingerprints: SHA-256 of public keys, one of which JWKURL's certificates have to hold; nil: not set
	Insecure      bool          // disable_jwk_security: JWKURL may be http
	CacheDuration time.Duration // how old keys may be; 0 without cache: every request downloads them
	KeyCooldown   time.Duration // how long a key that was not found is not looked for again; 0: not set
	KeyStrategy   string        // kid, x5t, x5t#S256, kid_x5t

	Issuer   string
	Audience []string // a token has to name all of them
	Leeway   time.Duration

	Roles       []string // any of them
	RolesKey    string
	RolesNested bool
	Scopes      []string // empty unless ScopesKey is there
	ScopesKey   string
	AllScopes   bool // scopes_matcher: all

	Propagate     []Propagation
	PreserveArray bool
	HeaderName    string // canonical, default Authorization
	CookieKey     string // default access_token
	Debug         bool   // operation_debug
}

// Propagation is a claim that is told in a header of the request.
type Propagation struct{ Claim, Header string }

var algs = []string{
	"EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
}

var keyStrategies = []string{"kid", "x5t", "x5t#S256", "kid_x5t"}

// defaultKeyCache is cache_duration, and shared_cache_duration where it is 0.
const defaultKeyCache = 900 * time.Second

// longestKeyCache bounds the two, in seconds: thirty days.
const longestKeyCache = 30 * 24 * 60 * 60

// validator reads auth/validator; nil when it is absent. shared is the service's
// shared_cache_duration: the keys of one address are always shared here, so that it
// counts where it is longer than the endpoint's own.
func (b *block) validator(shared time.Duration) *Validator {
	if b == nil {
		return nil
	}
	v := &Validator{
		Alg:           b.oneOf("alg", "", algs),
		JWKURL:        b.text("jwk_url"),
		JWKLocalPath:  b.text("jwk_local_path"),
		JWKLocalCA:    b.text("jwk_local_ca"),
		Insecure:      b.flag("disable_jwk_security"),
		KeyCooldown:   b.duration("failed_jwk_key_cooldown"),
		KeyStrategy:   b.oneOf("key_identify_strategy", "kid", keyStrategies),
		Issuer:        b.text("issuer"),
		Audience:      b.texts("audience"),
		Leeway:        time.Second,
		Roles:         b.texts("roles"),
		RolesKey:      b.textOr("roles_key", "roles"),
		RolesNested:   b.flag("roles_key_is_nested"),
		Scopes:        b.texts("scopes"),
		ScopesKey:     b.text("scopes_key"),
		AllScopes:     b.oneOf("scopes_matcher", "any", []string{"any", "all"}) == "all",
		Propagate:     b.propagations("propagate_claims"),
		PreserveArray: b.flag("propagate_claims_preserve_array"),
		HeaderName:    textproto.CanonicalMIMEHeaderKey(b.textOr("auth_header_name", "Authorization")),
		CookieKey:     b.textOr("cookie_key", "access_token"),
		Debug:         b.flag("operation_debug"),
	}
	if v.Alg == "" {
		v.Alg = "RS256"
		if !b.has("alg") {
			b.warn(b.at("alg"), "missing, RS256 is taken (KrakenD does not start without it)")
		}
	}
	if b.has("leeway") {
		v.Leeway = b.duration("leeway")
	}
	if v.KeyCooldown > 0 && v.KeyCooldown < time.Second {
		b.warn(b.at("failed_jwk_key_cooldown"), "has no effect below 1s (got %s)", v.KeyCooldown)
		v.KeyCooldown = 0
	}
	if len(v.Scopes) > 0 != (v.ScopesKey != "") {
		b.warn(b.at("scopes"), "has an effect only together with scopes_key, ignored")
		v.Scopes, v.ScopesKey = nil, ""
	}
	v.CipherSuites, v.Pins = b.cipherSuites("cipher_suites"), b.pins("jwk_fingerprints")
	b.keyAddress(keyAddress{&v.JWKURL, v.JWKLocalPath, v.Insecure, v.Pins})
	b.keyCache(v, shared)
	b.encryptedKeys()
	b.close(nil)
	return v
}

// keyAddress says where keys are: jwk_url and what stands beside it.
type keyAddress struct {
	url      *string // made "" where path counts
	path     string
	insecure bool
	pins     [][]byte
}

// keyAddress checks where the keys are. KrakenD starts without any and answers 401
// to everything; such an endpoint is of no use, and refused (KrakenD v3, 9).
func (b *block) keyAddress(k keyAddress) {
	if k.path != "" {
		if *k.url != "" {
			b.warn(b.at("jwk_url"), "ignored, since jwk_local_path is there")
			*k.url = ""
		}
		if !k.insecure {
			b.warn(b.at("disable_jwk_security"), "KrakenD answers 401 to everything unless it is true beside jwk_local_path; gatemeter does not need it")
		}
		return
	}
	if *k.url == "" {
		b.problem(b.at("jwk_url"), "missing: without keys every call would be answered with 401 (give the address of the issuer's JWK set here, or a file in jwk_local_path)")
		return
	}
	u, err := url.Parse(*k.url)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		b.problem(b.at("jwk_url"), "must be an address such as https://issuer.example/jwks.json (got %s)", show(*k.url))
	case u.Scheme == "http" && !k.insecure:
		b.problem(b.at("jwk_url"), "must begin with https://, or every call would be answered with 401 (set disable_jwk_security to allow http; got %s)", show(*k.url))
	case u.Scheme == "http" && len(k.pins) > 0:
		b.problem(b.at("jwk_fingerprints"), "nobody can be told by them over http:// (make jwk_url https://, or remove them)")
	}
}

// encryptedKeys refuses keys that are encrypted in their file: in which way they are
// KrakenD does not document.
func (b *block) encryptedKeys() {
	b.refuse("secret_url", "the keys in the file could not be decrypted")
	b.refuse("cypher_key", "the keys in the file could not be decrypted")
}

func (b *block) keyCache(v *Validator, shared time.Duration) {
	cached, seconds := b.flag("cache"), b.number("cache_duration", longestKeyCache)
	switch {
	case cached && v.JWKLocalPath != "":
		b.warn(b.at("cache"), "has no effect on jwk_local_path, which is read once (KrakenD does not start with both)")
	case cached:
		v.CacheDuration = defaultKeyCache
		if seconds > 0 {
			v.CacheDuration = time.Duration(seconds) * time.Second
		}
		v.CacheDuration = max(v.CacheDuration, shared)
	case seconds > 0:
		b.warn(b.at("cache_duration"), "has no effect without cache: every call waits for a download of the keys")
	}
}

// sharedKeyCache reads auth/validator of the service; 0 when it is absent.
func (b *block) sharedKeyCache() time.Duration {
	if b == nil {
		return 0
	}
	shared := time.Duration(0)
	if b.has("shared_cache_duration") {
		shared = defaultKeyCache
	}
	if n := b.number("shared_cache_duration", longestKeyCache); n > 0 {
		shared = time.Duration(n) * time.Second
	}
	const elsewhere = "it protects nothing here: it belongs into extra_config of an endpoint"
	b.close(map[string]string{"alg": elsewhere, "jwk_url": elsewhere, "jwk_local_path": elsewhere})
	return shared
}

// propagations reads a list of pairs of claim and header.
func (b *block) propagations(key string) (out []Propagation) {
	v, path, ok := b.find(key)
	if !ok {
		return nil
	}
	list, _ := v.([]any)
	if list == nil {
		b.problem(path, `must be a list of pairs such as ["sub", "X-User"] (got %s)`, show(v))
	}
	for i, e := range list {
		pair, _ := e.([]any)
		if len(pair) != 2 {
			b.problem(item(path, i), `must be a claim and a header, such as ["sub", "X-User"] (got %s)`, show(e))
			continue
		}
		claim, isText := asText(pair[0])
		header, isText2 := asText(pair[1])
		if !isText || !isText2 || claim == "" || !isToken(header) {
			b.problem(item(path, i), `must be the names of a claim and of a header, such as ["sub", "X-User"] (got %s and %s)`, show(pair[0]), show(pair[1]))
			continue
		}
		out = append(out, Propagation{claim, textproto.CanonicalMIMEHeaderKey(header)})
	}
	return out
}

// textOr is text with a fallback for "".
func (b *block) textOr(key, fallback string) string {
	if s := b.text(key); s != "" {
		return s
	}
	return fallback
}

// isToken tells what can be the name of a header (RFC 9110, 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// cipherSuites reads numbers of cipher suites; those that crypto/tls takes for weak are
// the operator's own choice. They count up to TLS 1.2.
func (b *block) cipherSuites(key string) (suites []uint16) {
	v, path, ok := b.find(key)
	if !ok {
		return nil
	}
	list, _ := v.([]any)
	if list == nil {
		b.problem(path, "must be a list of cipher suites by their numbers (got %s)", show(v))
	}
	for i, e := range list {
		n, isInt := asInt(e)
		is := func(s *tls.CipherSuite) bool { return int64(s.ID) == n }
		if !isInt || !slices.ContainsFunc(tls.CipherSuites(), is) && !slices.ContainsFunc(tls.InsecureCipherSuites(), is) {
			b.problem(item(path, i), "must be the number of a cipher suite, such as 49195 for %s (got %s)", tls.CipherSuiteName(49195), show(e))
			continue
		}
		suites = append(suites, uint16(n))
	}
	return suites
}

// pins reads fingerprints of public keys: what they are made of the reference does not
// say, and RFC 7469 (2.4) is taken, the SHA-256 of the key's SubjectPublicKeyInfo in
// base64.
func (b *block) pins(key string) (pins [][]byte) {
	for i, text := range b.texts(key) {
		pin, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(pin) != sha256.Size {
			b.problem(b.elementAt(key, i), "must be the SHA-256 of a public key in base64 (got %s)", show(text))
			continue
		}
		pins = append(pins, pin)
	}
	return pins
}
