package identity

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// maxToken bounds, in bytes, the credentials that are looked into.
const maxToken = 64 << 10

// tokens reads the tokens of one request, each once.
type tokens struct {
	request *Request
	token   string
	claims  map[string]any
}

// claim returns the claim at path: out of the validated claims where there are
// some, else out of the token.
func (t *tokens) claim(token, path string) (id string, verified bool) {
	if t.request.Claims != nil {
		return stringClaim(t.request.Claims, path), true
	}
	return stringClaim(t.read(token), path), false
}

// read returns the claims of a token, nil when it has none.
func (t *tokens) read(token string) map[string]any {
	if token == "" {
		return nil
	}
	if token != t.token {
		t.token, t.claims = token, payload(token)
	}
	return t.claims
}

// payload decodes the claims of a signed token in compact form (RFC 7515, 3.1),
// without looking at its signature. A malformed token gives nil.
func payload(token string) map[string]any {
	if len(token) > maxToken {
		return nil
	}
	_, rest, ok := strings.Cut(token, ".")
	if !ok {
		return nil
	}
	body, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(body, "="))
	if err != nil {
		return nil
	}
	var claims map[string]any
	if json.Unmarshal(text, &claims) != nil {
		return nil
	}
	return claims
}

// stringClaim returns the string at path. A dot walks into nested objects, but
// the longest literal key that contains the dot is looked up first, at every
// level. What is not a string, or not there, is "".
func stringClaim(claims map[string]any, path string) string {
	value, _ := lookup(claims, path)
	id, _ := value.(string)
	return id
}

func lookup(claims map[string]any, path string) (value any, found bool) {
	if value, found = claims[path]; found {
		return value, true
	}
	for end := strings.LastIndexByte(path, '.'); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		inner, ok := claims[path[:end]].(map[string]any)
		if !ok {
			continue
		}
		if value, found = lookup(inner, path[end+1:]); found {
			return value, true
		}
	}
	return nil, false
}

// splitScheme parts "Bearer xyz" into its scheme and its credentials. A value
// without a scheme is all credentials.
func splitScheme(value string) (scheme, credentials string) {
	scheme, credentials, ok := strings.Cut(value, " ")
	if !ok {
		return "", value
	}
	return scheme, strings.TrimLeft(credentials, " ")
}

// bearer returns the token of a header value with the Bearer scheme.
func bearer(value string) (token string, ok bool) {
	scheme, token := splitScheme(value)
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return token, true
}

// basicUser is the user name in credentials of the Basic scheme (RFC 7617, 2),
// "" when they are malformed.
func basicUser(credentials string) string {
	if len(credentials) > maxToken {
		return ""
	}
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(credentials, "="))
	if err != nil {
		return ""
	}
	user, _, ok := strings.Cut(string(text), ":")
	if !ok {
		return ""
	}
	return user
}
