//go:build linux

package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// issuer has made one token.
type issuer struct {
	keys  string // the file with its public key, a JWK set (RFC 7517)
	token string // RS256 (RFC 7519)
}

func newIssuer(dir string) (issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return issuer{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(object{"keys": []object{{
		"kty": "RSA", "kid": "bench", "alg": "RS256", "use": "sig",
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		return issuer{}, err
	}
	claims, err := json.Marshal(object{
		"iss": "bench", "sub": "user-1", "exp": time.Now().Add(24 * time.Hour).Unix(), "roles": []string{"reader"},
	})
	if err != nil {
		return issuer{}, err
	}
	signed := encode([]byte(`{"alg":"RS256","kid":"bench","typ":"JWT"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return issuer{}, err
	}
	i := issuer{keys: filepath.Join(dir, "keys.json"), token: signed + "." + encode(signature)}
	return i, os.WriteFile(i.keys, set, 0o600)
}
