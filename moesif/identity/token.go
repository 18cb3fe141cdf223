package identity

import (
	"encoding/base64"
	"strings"
	"sync"
)

// maxToken bounds, in bytes, the credentials that are looked into.
const maxToken = 64 << 10

// tokens reads the tokens of one request, each once.
type tokens struct {
	request *Request
	token   string
	claims  []byte // as token holds them, not looked at yet; nil when it is malformed
	room    *room  // what claims lie in; nil until a token is read
}

// room holds the claims of a usual token.
type room [1024]byte

var rooms = sync.Pool{New: func() any { return new(room) }}

// done gives the room back: no claims are read any more.
func (t *tokens) done() {
	if t.room != nil {
		rooms.Put(t.room)
	}
}

// claim returns the claim at path: out of the validated claims where there are
// some, else out of the token.
func (t *tokens) claim(token, path string) finding {
	if t.request.Claims != nil {
		value, found := lookup(t.request.Claims, path)
		id, isString := value.(string)
		return finding{id: id, how: claimed(found, isString), validated: true}
	}
	if token == "" {
		return finding{how: noToken}
	}
	value, found, ok := find(t.read(token), path)
	if !ok {
		return finding{how: badToken}
	}
	id, isString := asString(value)
	return finding{id: id, how: claimed(found, isString)}
}

func claimed(found, isString bool) how {
	switch {
	case !found:
		return noClaim
	case !isString:
		return noString
	}
	return claimValue
}

// read returns what a token holds as its claims, nil when it is malformed.
func (t *tokens) read(token string) []byte {
	if token == "" {
		return nil
	}
	if t.room == nil {
		t.room = rooms.Get().(*room)
	}
	if token != t.token {
		t.token, t.claims = token, payload(t.room[:0], token)
	}
	return t.claims
}

// payload decodes the claims of a signed token in compact form (RFC 7515, 3.1),
// in room if they fit, without looking at its signature. A malformed token gives
// nil.
func payload(room []byte, token string) []byte {
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
	body = strings.TrimRight(body, "=")
	if size := base64.RawURLEncoding.DecodedLen(len(body)); size <= cap(room) {
		room = room[:size]
	} else {
		room = make([]byte, size)
	}
	n, err := base64.RawURLEncoding.Decode(room, []byte(body))
	if err != nil {
		return nil
	}
	return room[:n]
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
