package mask

import (
	"bytes"
	"net/url"
	"strings"
)

// DefaultQuery are the query parameters that carry credentials, whatever the API.
var DefaultQuery = []string{
	"access_token", "accesstoken", "refresh_token", "id_token", "token", "auth_token", "authtoken", "auth", "authorization", "jwt", "bearer",
	"api_key", "apikey", "api-key", "x-api-key", "api_token", "api_secret", "key", "subscription-key", "client_secret", "secret",
	"password", "passwd", "pwd", "pass", "passphrase", "session", "sessionid", "session_id", "session_token", "private_token", "client_assertion",
	"assertion", "signature", "sig", "x-amz-signature", "x-amz-security-token", "x-amz-credential", "x-goog-signature", "x-goog-credential",
}

// Query masks parameters in the query of a URI. It is immutable and safe for
// concurrent use; a nil *Query masks nothing.
type Query struct{ names *names }

// NewQuery compiles the names of parameters to mask, in any case; they match as
// the fields of a form do.
func NewQuery(list []string) *Query { return &Query{names: newNames(list)} }

// URI returns uri with the values of masked parameters replaced, in its query and
// in its fragment, and with a password before its host replaced. JSON in other
// values is masked inside. It allocates only when there is something to mask.
func (q *Query) URI(uri string) string {
	if q == nil {
		return uri
	}
	uri = withoutPassword(uri)
	start := strings.IndexAny(uri, "?#")
	if start < 0 {
		return uri
	}
	var out strings.Builder
	done := 0 // uri[:done] is in out, once something was masked
	for i := start + 1; i < len(uri); {
		end := i + indexAny(uri[i:], "&;?#")
		name, value, _ := strings.Cut(uri[i:end], "=")
		if value != "" {
			// To some readers a semicolon or question mark is part of the value.
			behind := i + indexAny(uri[i:], "&#")
			value = uri[i+len(name)+1 : behind]
			if masked := q.value(name, value); masked != value {
				out.WriteString(uri[done : i+len(name)+1])
				out.WriteString(masked)
				done, end = behind, behind
			}
		}
		i = end + 1
	}
	if done == 0 {
		return uri
	}
	out.WriteString(uri[done:])
	return out.String()
}

// indexAny is strings.IndexAny, but the length of s when there is none.
func indexAny(s, chars string) int {
	if n := strings.IndexAny(s, chars); n >= 0 {
		return n
	}
	return len(s)
}

// value returns what may be sent of a parameter's value.
func (q *Query) value(name, value string) string {
	if q.masks(name) {
		return Masked
	}
	if !strings.ContainsRune("{[%+ ", rune(value[0])) {
		return value
	}
	plain := unescape(nil, value)
	if !looksLikeJSON(plain) || !bytes.ContainsAny(plain, `{"`) {
		return value // [1 TO 2] has no fields
	}
	var w walk
	masked, found := w.inside(q.names, plain, false)
	if found == maskedInside {
		return url.QueryEscape(string(masked))
	}
	if found == maskedWhole {
		return Masked
	}
	return value
}

func (q *Query) masks(name string) bool {
	var room [128]byte
	return q.names.masksForm(unescape(room[:0], name))
}

// withoutPassword returns uri with the password of user:password@host replaced.
func withoutPassword(uri string) string {
	authority := strings.Index(uri, "//")
	if authority < 0 || authority > 0 && uri[authority-1] != ':' {
		return uri
	}
	authority += 2
	end := len(uri)
	if n := strings.IndexAny(uri[authority:], "/?#"); n >= 0 {
		end = authority + n
	}
	at := strings.LastIndexByte(uri[authority:end], '@')
	if at < 0 {
		return uri
	}
	colon := strings.IndexByte(uri[authority:authority+at], ':')
	if colon < 0 {
		return uri
	}
	return uri[:authority+colon+1] + Masked + uri[authority+at:]
}
