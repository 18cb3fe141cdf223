package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// Validator lets through requests with a token of the issuer (auth/validator; KrakenD
// v3, 3). Others get 401, and 403 when the token lacks a role or scope.
type Validator struct {
	config.Validator
	name   string // of the endpoint, for the log
	keeper *Keeper
	issuer *issuer  // nil: the keys are local
	local  *keyring // nil: they are the issuer's
	// kind is the same for all validators that verify a token in the same way, roles
	// and scopes aside: they share the memory of verified tokens.
	kind uint32
}

// validator compiles c for the endpoint called name.
func (k *Keeper) validator(c *config.Validator, name string) (*Validator, error) {
	const at = "extra_config.auth/validator."
	v := &Validator{Validator: *c, name: name, keeper: k}
	var err error
	switch {
	case c.JWKLocalPath != "":
		if v.local, err = k.localKeyring(c.JWKLocalPath); err != nil {
			return nil, fmt.Errorf(at+"jwk_local_path: %w", err)
		}
	case c.JWKURL != "":
		if v.issuer, err = k.issuer(source{c.JWKURL, c.JWKLocalCA, c.CipherSuites, c.Pins, c.Insecure, false}); err != nil {
			return nil, fmt.Errorf(at+"%w", err)
		}
	default:
		return nil, fmt.Errorf(at + "jwk_url: missing: without keys every call would be answered with 401")
	}
	// Where the keys are from is known by the ring that a token was verified with.
	v.kind = k.kind(fmt.Sprintf("token %q", []any{c.Alg, c.KeyStrategy, c.Issuer, c.Audience, c.Leeway.String()}))
	return v, nil
}

// Admit implements Guard.
func (v *Validator) Admit(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, bool) {
	x := moesif.From(r.Context())
	claims, err := v.verify(r.Context(), tokenOf(r, v.HeaderName, v.CookieKey))
	if err == nil && v.keeper.revoker.revokes(claims) { // one from the memory of verified tokens too
		err = errRevoked
	}
	if err != nil {
		v.tell(r, "the token is refused", err.Error())
		x.Refuse(moesif.Unauthenticated)
		refuse(w, http.StatusUnauthorized)
		return nil, false
	}
	x.SetVerifiedClaims(claims) // who lacks a role is known all the same (settled answer 2)
	if missing := v.missing(claims); missing != "" {
		v.tell(r, "the token's owner is refused", missing)
		x.Refuse(moesif.Forbidden)
		refuse(w, http.StatusForbidden)
		return nil, false
	}
	propagate(r.Header, claims, v.Propagate, v.PreserveArray)
	return withClaims(r, claims), true
}

// tell logs the reason of a refusal with operation_debug.
func (v *Validator) tell(r *http.Request, what, reason string) {
	if v.Debug {
		v.keeper.logger.LogAttrs(r.Context(), slog.LevelError, "auth/validator: "+what,
			slog.String("endpoint", v.name), slog.String("reason", reason))
	}
}

// verify gives the claims of a token that holds.
func (v *Validator) verify(ctx context.Context, text string) (map[string]any, error) {
	if text == "" {
		return nil, errNoToken
	}
	var room [1024]byte // keeps most tokens off the heap
	id := tokenID{sha256.Sum256(append(room[:0], text...)), v.kind}
	if known := v.keeper.verified.get(id, time.Now()); known != nil {
		if ring, err := v.ring(ctx); err == nil && ring == known.ring {
			return known.claims, nil
		}
	}
	t, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	if t.alg != v.Alg {
		return nil, errAlg
	}
	ring, err := v.ring(ctx)
	if err != nil {
		return nil, err
	}
	key, ring := v.key(ctx, ring, t)
	if key == nil {
		return nil, errNoKey
	}
	if err := t.verify(key); err != nil {
		return nil, err
	}
	claims, err := t.claims()
	if err != nil {
		return nil, err
	}
	until, err := check(claims, v.Issuer, v.Audience, v.Leeway, time.Now())
	if err != nil {
		return nil, err
	}
	v.keeper.verified.put(id, &knownToken{claims: claims, ring: ring, until: until, bytes: len(text)})
	return claims, nil
}

// ring gives the keys as they are now.
func (v *Validator) ring(ctx context.Context) (*keyring, error) {
	if v.local != nil {
		return v.local, nil
	}
	return v.issuer.keys(ctx, v.CacheDuration)
}

// key finds that of t. One that is not in a ring from the cache may be new: then the
// issuer is asked again.
func (v *Validator) key(ctx context.Context, ring *keyring, t *token) (*key, *keyring) {
	id := t.id(v.KeyStrategy)
	k := ring.find(v.KeyStrategy, id, v.Alg)
	if k == nil && v.issuer != nil && v.CacheDuration > 0 {
		ring = v.issuer.renewed(ctx, ring, id, v.KeyCooldown)
		k = ring.find(v.KeyStrategy, id, v.Alg)
	}
	return k, ring
}

// missing says what claims lack, "" when it is nothing.
func (v *Validator) missing(claims map[string]any) string {
	if len(v.Roles) > 0 {
		roles, _ := claim(claims, v.RolesKey, v.RolesNested && walks(v.RolesKey))
		if !holdsAny(roles, v.Roles) {
			return "no role of roles"
		}
	}
	if len(v.Scopes) > 0 {
		scopes, _ := claim(claims, v.ScopesKey, true)
		if v.AllScopes && !holdsAll(scopes, v.Scopes) || !v.AllScopes && !holdsAny(scopes, v.Scopes) {
			return "not the scopes that are asked for"
		}
	}
	return ""
}

var _ Guard = (*Validator)(nil)
