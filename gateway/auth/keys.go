package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// keyring is a JWK set that has been read, never changed.
type keyring struct {
	keys []key
	sum  [sha256.Size]byte // of the text it was read from
}

// key is one that a signature can be verified with, or made.
type key struct {
	names
	raw any // []byte, or a public key of rsa, ecdsa or ed25519; of a set that signs, a private one
}

// parseKeyring reads a JWK set. Keys that can't verify anything are
// passed over; a set without any other is an error. Private keys are kept as public
// ones.
func parseKeyring(text []byte) (*keyring, error) {
	return readKeyring(text, verifying, "holds no key that can verify a token")
}

// parseSigningKeys is parseKeyring for keys that sign: those that are public only are
// passed over.
func parseSigningKeys(text []byte) (*keyring, error) {
	return readKeyring(text, signing, "holds no key that can sign a token")
}

func readKeyring(text []byte, export func(jwk.Key) (raw any, ok bool), none string) (*keyring, error) {
	set, err := jwk.Parse(text, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, errors.New("is no JWK set") // the cause may repeat the keys
	}
	ring := &keyring{sum: sha256.Sum256(text)}
	for i := range set.Len() {
		k, ok := set.Key(i)
		if !ok {
			continue
		}
		if use, _ := k.KeyUsage(); use == "enc" {
			continue
		}
		if raw, ok := export(k); ok {
			read := key{raw: raw}
			read.kid, _ = k.KeyID()
			read.x5t, _ = k.X509CertThumbprint()
			read.x5tS256, _ = k.X509CertThumbprintS256()
			ring.keys = append(ring.keys, read)
		}
	}
	if len(ring.keys) == 0 {
		return nil, errors.New(none)
	}
	return ring, nil
}

func verifying(k jwk.Key) (raw any, ok bool) {
	if k.KeyType() != jwa.OctetSeq() {
		public, err := k.PublicKey()
		if err != nil {
			return nil, false
		}
		k = public
	}
	if err := jwk.Export(k, &raw); err != nil {
		return nil, false
	}
	switch raw := raw.(type) {
	case []byte:
		return raw, len(raw) > 0
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return raw, true
	}
	return nil, false
}

func signing(k jwk.Key) (raw any, ok bool) {
	if err := jwk.Export(k, &raw); err != nil {
		return nil, false
	}
	switch raw := raw.(type) {
	case []byte:
		return raw, len(raw) > 0
	case *rsa.PrivateKey:
		return raw, raw.Validate() == nil
	case *ecdsa.PrivateKey, ed25519.PrivateKey:
		return raw, true
	}
	return nil, false
}

// find is the key of a token, nil when there is none: one that is called id in the
// way of strategy, and that alg can use.
func (r *keyring) find(strategy, id, alg string) *key {
	for i := range r.keys {
		if k := &r.keys[i]; k.id(strategy) == id && k.suits(alg) {
			return k
		}
	}
	return nil
}

// names are what a key, or the header of a token, calls a key.
type names struct{ kid, x5t, x5tS256 string }

// id is the one that counts (key_identify_strategy).
func (n *names) id(strategy string) string {
	switch strategy {
	case "x5t":
		return n.x5t
	case "x5t#S256":
		return n.x5tS256
	case "kid_x5t":
		return n.kid + " " + n.x5t
	}
	return n.kid
}

// suits keeps a key from being taken for one of another kind: a public key is never a
// secret.
func (k *key) suits(alg string) bool {
	switch raw := k.raw.(type) {
	case []byte:
		return strings.HasPrefix(alg, "HS")
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return raw.Curve == curves[alg]
	case ed25519.PublicKey, ed25519.PrivateKey:
		return alg == "EdDSA"
	case *rsa.PrivateKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PrivateKey:
		return raw.Curve == curves[alg]
	}
	return false
}

// curves are those of RFC 7518, 3.4.
var curves = map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}

// localKeyring reads the JWK set in a file, once for all validators.
func (k *Keeper) localKeyring(path string) (*keyring, error) {
	if ring := k.rings[path]; ring != nil {
		return ring, nil
	}
	ring, err := readLocal(path, parseKeyring)
	if err == nil {
		k.rings[path] = ring
	}
	return ring, err
}

func readLocal(path string, parse func(text []byte) (*keyring, error)) (*keyring, error) {
	text, err := readBounded(path, mostKeyBytes)
	if err != nil {
		return nil, err
	}
	ring, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return ring, nil
}
