package auth

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

const (
	mostRevocations     = 10_000 // of one call
	mostRevocationBytes = 1 << 20
	revocationTimeout   = 10 * time.Second // to read one call
)

// Revoker refuses tokens whose claims were revoked (auth/revoker; KrakenD v3, 3), and is
// the interface that revokes them:
//
//	POST /add    {"key":"jti","value":"…"} or a list of such; answers {"added":1}
//	POST /check  the same; answers {"revoked":[true]}
//
// KrakenD has net/rpc with a library of its own there, which is not spoken here.
type Revoker struct {
	config.Revoker
	set    *Revoked
	logger *slog.Logger
	mux    *http.ServeMux
}

// NewRevoker returns that of c, which keeps what is revoked in set; nil for nil.
func NewRevoker(c *config.Revoker, set *Revoked, logger *slog.Logger) *Revoker {
	if c == nil {
		return nil
	}
	r := &Revoker{Revoker: *c, set: set, logger: logger, mux: http.NewServeMux()}
	r.mux.HandleFunc("POST /add", r.add)
	r.mux.HandleFunc("POST /check", r.check)
	return r
}

// Ask makes the validators that k makes from now on ask r, which may be nil.
func (k *Keeper) Ask(r *Revoker) { k.revoker = r }

// revokes reports whether a token with claims was revoked. Values that are no text,
// number or boolean can't be.
func (r *Revoker) revokes(claims map[string]any) bool {
	if r == nil || r.set.count.Load() == 0 {
		return false
	}
	for _, key := range r.Keys {
		if value, ok := revocable(claims[key]); ok && r.set.has(r.set.id(key, value)) {
			return true
		}
	}
	return false
}

// revocable is the text of a claim's value, the same for 7 and "7".
func revocable(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case json.Number:
		return numberText(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// ServeHTTP implements http.Handler.
func (r *Revoker) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case r.APIKey != "" && !r.knows(req):
		w.Header().Set("WWW-Authenticate", "Bearer")
		tell(w, http.StatusUnauthorized, "the api_key of auth/revoker is missing or wrong")
	case r.APIKey == "" && !byAddress(req.Host):
		// A page in a browser of this machine can have a name that leads here.
		tell(w, http.StatusForbidden, "call this by an address or as localhost")
	default:
		r.mux.ServeHTTP(w, req)
	}
}

func (r *Revoker) knows(req *http.Request) bool {
	scheme, key, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(key), []byte(r.APIKey)) == 1
}

func byAddress(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

func (r *Revoker) add(w http.ResponseWriter, req *http.Request) {
	ids, ok := r.read(w, req)
	if !ok {
		return
	}
	if err := r.set.add(ids, r.TTL, r.Most); err != nil {
		r.logger.Error("auth/revoker: nothing was revoked", "values", len(ids), "error", err)
		tell(w, http.StatusInsufficientStorage, err.Error())
		return
	}
	r.logger.Info("auth/revoker: revoked", "values", len(ids))
	respond(w, http.StatusOK, map[string]int{"added": len(ids)})
}

func (r *Revoker) check(w http.ResponseWriter, req *http.Request) {
	ids, ok := r.read(w, req)
	if !ok {
		return
	}
	revoked := make([]bool, len(ids))
	for i, id := range ids {
		revoked[i] = r.set.has(id)
	}
	respond(w, http.StatusOK, map[string][]bool{"revoked": revoked})
}

// read gives what a call is about, or answers it. A call has to say that it is JSON,
// which a form of a foreign page can't.
func (r *Revoker) read(w http.ResponseWriter, req *http.Request) ([]revocation, bool) {
	if media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || media != "application/json" {
		tell(w, http.StatusUnsupportedMediaType, "Content-Type must be application/json")
		return nil, false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(revocationTimeout)) // a writer of tests has none
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, mostRevocationBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		tell(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a call has %d bytes at most", mostRevocationBytes))
		return nil, false
	}
	if err != nil {
		tell(w, http.StatusBadRequest, "the body ends too early")
		return nil, false
	}
	ids, err := r.parse(body)
	if err != nil {
		tell(w, http.StatusBadRequest, err.Error())
		return nil, false
	}
	return ids, true
}

// parse reads one value or a list of them. Errors don't repeat values.
func (r *Revoker) parse(body []byte) ([]revocation, error) {
	type claim struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	}
	var list []claim
	if body = bytes.TrimSpace(body); bytes.HasPrefix(body, []byte("{")) {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil || d.More() {
		return nil, errors.New(`must be {"key": "…", "value": "…"} or a list of such`)
	}
	if len(list) == 0 || len(list) > mostRevocations {
		return nil, fmt.Errorf("must have from 1 to %d values (got %d)", mostRevocations, len(list))
	}
	ids := make([]revocation, len(list))
	for i, c := range list {
		if !slices.Contains(r.Keys, c.Key) {
			return nil, fmt.Errorf("[%d].key: must be one of token_keys, %s (got %.100q)", i, strings.Join(r.Keys, ", "), c.Key)
		}
		value, ok := revocable(c.Value)
		if !ok {
			return nil, fmt.Errorf("[%d].value: must be a text that is not empty, a number or a boolean", i)
		}
		ids[i] = r.set.id(c.Key, value)
	}
	return ids, nil
}

func tell(w http.ResponseWriter, status int, problem string) {
	respond(w, status, map[string]string{"error": problem})
}

func respond(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may have gone
}

var _ http.Handler = (*Revoker)(nil)
