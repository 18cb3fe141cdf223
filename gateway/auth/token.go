package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
)

// The reasons for a 401. They never repeat what the token holds.
var (
	errNoToken   = errors.New("no token")
	errMalformed = errors.New("malformed token")
	errAlg       = errors.New("another algorithm than alg")
	errNoKey     = errors.New("no key of the issuer fits the token")
	errSignature = errors.New("wrong signature")
	errExpired   = errors.New("expired")
	errNotYet    = errors.New("not valid yet")
	errIssuer    = errors.New("another issuer")
	errAudience  = errors.New("not for this audience")
	errRevoked   = errors.New("revoked")
)

// tokenOf finds the token of r: in the header, with or without Bearer before it, or
// else in the cookie (KrakenD v3, 3 and 9). A header that is there and holds something
// else is not passed over.
func tokenOf(r *http.Request, header, cookie string) string {
	if values := r.Header[header]; len(values) > 0 {
		token := values[0]
		const bearer = len("Bearer ")
		if len(token) >= bearer && strings.EqualFold(token[:bearer], "Bearer ") {
			token = strings.TrimSpace(token[bearer:])
		}
		if token != "" {
			return token
		}
	}
	if len(r.Header["Cookie"]) == 0 {
		return ""
	}
	if c, err := r.Cookie(cookie); err == nil {
		return c.Value
	}
	return ""
}

// token is a JWS in compact form, taken apart but not believed yet (RFC 7515, 7.1).
type token struct {
	names
	alg       string
	signed    []byte // what the signature is about
	signature []byte
	payload   []byte
}

func parseToken(text string) (*token, error) {
	head, rest, ok := strings.Cut(text, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return nil, errMalformed
	}
	header, err := decode(head)
	if err != nil {
		return nil, err
	}
	var h struct {
		Alg     string          `json:"alg"`
		Kid     string          `json:"kid"`
		X5t     string          `json:"x5t"`
		X5tS256 string          `json:"x5t#S256"`
		Crit    json.RawMessage `json:"crit"`
	}
	if json.Unmarshal(header, &h) != nil || h.Crit != nil { // no extension is understood here (RFC 7515, 4.1.11)
		return nil, errMalformed
	}
	t := &token{names: names{h.Kid, h.X5t, h.X5tS256}, alg: h.Alg, signed: []byte(text[:len(head)+1+len(payload)])}
	if t.payload, err = decode(payload); err != nil {
		return nil, err
	}
	t.signature, err = decode(signature)
	return t, err
}

// decode reads base64url without padding, in its only spelling, so that one token has
// one text.
func decode(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, errMalformed
	}
	return b, nil
}

// verify checks the signature.
func (t *token) verify(k *key) error {
	if err := jwsbb.Verify(k.raw, t.alg, t.signed, t.signature); err != nil {
		return errSignature
	}
	return nil
}

// claims reads the payload. Numbers are json.Number: they are told exactly.
func (t *token) claims() (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(t.payload))
	d.UseNumber()
	var claims map[string]any
	if err := d.Decode(&claims); err != nil || claims == nil {
		return nil, errMalformed
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errMalformed
	}
	return claims, nil
}

// longestKept bounds for how long a verified token is remembered, whatever exp says.
const longestKept = 24 * time.Hour

// check judges registered claims at now. exp, nbf and iat may be absent, as with
// KrakenD. until is the moment from which the answer would be another.
func check(claims map[string]any, issuer string, audience []string, leeway time.Duration, now time.Time) (until time.Time, err error) {
	if issuer != "" && claims["iss"] != issuer {
		return until, errIssuer
	}
	for _, want := range audience {
		if !addresses(claims["aud"], want) {
			return until, errAudience
		}
	}
	until = now.Add(longestKept)
	exp, ok, err := moment(claims, "exp")
	if err != nil {
		return until, err
	}
	if ok {
		if exp = exp.Add(leeway); now.After(exp) {
			return until, errExpired
		}
		if exp.Before(until) {
			until = exp
		}
	}
	for _, name := range []string{"nbf", "iat"} {
		from, ok, err := moment(claims, name)
		if err != nil {
			return until, err
		}
		if ok && now.Add(leeway).Before(from) {
			return until, errNotYet
		}
	}
	return until, nil
}

// moment reads a NumericDate (RFC 7519, 2), to the second.
func moment(claims map[string]any, name string) (t time.Time, ok bool, err error) {
	v, ok := claims[name]
	if !ok || v == nil {
		return t, false, nil
	}
	n, isNumber := v.(json.Number)
	if !isNumber {
		return t, false, errMalformed
	}
	const most = 1 << 40 // some 35,000 years
	f, err := n.Float64()
	if err != nil || f != f {
		return t, false, errMalformed
	}
	return time.Unix(int64(max(-most, min(most, f))), 0), true, nil
}

// addresses reports whether aud, a text or a list of texts, names who.
func addresses(aud any, who string) bool {
	switch aud := aud.(type) {
	case string:
		return aud == who
	case []any:
		for _, a := range aud {
			if a == who {
				return true
			}
		}
	}
	return false
}
