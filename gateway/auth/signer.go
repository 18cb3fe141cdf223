package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// signingKeyAge is how old the keys at a jwk_url get before they are asked for again,
// beside the requests. KrakenD asks once, at its start.
const signingKeyAge = 15 * time.Minute

var errNoSigningKey = errors.New("the key set has no key of this kid that signs with alg")

// Signer makes tokens of claims sets (auth/signer; RFC 7515). As a Guard it answers
// calls that it could not sign for with 401, before their backends are called, as
// KrakenD does. It is safe for concurrent use.
type Signer struct {
	config.Signer
	name   string // of the endpoint, for the log
	logger *slog.Logger
	issuer *issuer  // nil: the keys are local
	local  *keyring // nil: they are the issuer's
	header string   // of every token, in base64url
}

// Signer compiles what signs in the answers of e; nil when nothing does. Keys in a file
// have to be of use; those at an address are fetched from now on. The error begins with
// the key that can't be used.
func (k *Keeper) Signer(e *config.Endpoint) (*Signer, error) {
	const at = "extra_config.auth/signer."
	c := e.Signer
	if c == nil {
		return nil, nil
	}
	header, err := json.Marshal(struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}{c.Alg, c.KeyID})
	if err != nil {
		return nil, fmt.Errorf(at+"kid: %w", err)
	}
	s := &Signer{Signer: *c, name: e.Method + " " + e.Path, logger: k.logger, header: base64.RawURLEncoding.EncodeToString(header)}
	switch {
	case c.JWKLocalPath != "":
		if s.local, err = readLocal(c.JWKLocalPath, parseSigningKeys); err != nil {
			return nil, fmt.Errorf(at+"jwk_local_path: %w", err)
		}
		if s.local.find("kid", c.KeyID, c.Alg) == nil {
			return nil, fmt.Errorf(at+"kid: %s holds no private key %q for %s: every call would be answered with 401", c.JWKLocalPath, c.KeyID, c.Alg)
		}
		if _, err := s.Sign(context.Background(), map[string]any{}); err != nil {
			return nil, fmt.Errorf(at+"kid: the key does not sign: %w", err)
		}
	case c.JWKURL != "":
		if s.issuer, err = k.issuer(source{c.JWKURL, c.JWKLocalCA, c.CipherSuites, c.Pins, c.Insecure, true}); err != nil {
			return nil, fmt.Errorf(at+"%w", err)
		}
		s.issuer.fetches.begin()
	default:
		return nil, fmt.Errorf(at + "jwk_url: missing: without keys every call would be answered with 401")
	}
	return s, nil
}

// Admit implements Guard.
func (s *Signer) Admit(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, bool) {
	if _, err := s.key(r.Context()); err != nil {
		s.logger.LogAttrs(r.Context(), slog.LevelError, "auth/signer: nothing to sign with",
			slog.String("endpoint", s.name), slog.String("kid", s.KeyID), slog.String("error", err.Error()))
		moesif.From(r.Context()).Refuse(moesif.Unauthenticated)
		refuse(w, http.StatusUnauthorized)
		return nil, false
	}
	return r, true
}

// Sign makes a token of claims, which have to be what came out of JSON. With full it is
// the flattened JSON serialization, as a text.
func (s *Signer) Sign(ctx context.Context, claims map[string]any) (string, error) {
	key, err := s.key(ctx)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	text := make([]byte, 0, len(s.header)+1+b64.EncodedLen(len(payload))+1+b64.EncodedLen(512))
	text = append(append(text, s.header...), '.')
	text = b64.AppendEncode(text, payload)
	signature, err := jwsbb.Sign(key.raw, s.Alg, text, nil)
	if err != nil {
		return "", errors.New("the key can't sign") // the cause may tell of the key
	}
	if !s.Full {
		return string(b64.AppendEncode(append(text, '.'), signature)), nil
	}
	whole, err := json.Marshal(struct {
		Payload   string `json:"payload"`
		Protected string `json:"protected"`
		Signature string `json:"signature"`
	}{b64.EncodeToString(payload), s.header, b64.EncodeToString(signature)})
	return string(whole), err
}

// key gives the one to sign with, as it is now. One that is not in the set from the
// cache may be new: then the address is asked again.
func (s *Signer) key(ctx context.Context) (*key, error) {
	ring := s.local
	if s.issuer != nil {
		var err error
		if ring, err = s.issuer.keys(ctx, signingKeyAge); err != nil {
			return nil, err
		}
	}
	k := ring.find("kid", s.KeyID, s.Alg)
	if k == nil && s.issuer != nil {
		k = s.issuer.renewed(ctx, ring, s.KeyID, 0).find("kid", s.KeyID, s.Alg)
	}
	if k == nil {
		return nil, errNoSigningKey
	}
	return k, nil
}

var _ Guard = (*Signer)(nil)
