package config

import (
	"encoding/hex"
	"net/textproto"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/mask"
)

// APIKeys is extra_config."auth/api-keys" of the service: the keys that there are
// (KrakenD v3, 5).
type APIKeys struct {
	Keys          []APIKey
	Hash          string // plain, fnv128, sha256, sha1
	Salt          string // stands before a key when it is hashed
	PropagateRole string // canonical header; "" tells no role
}

// APIKey is one key, and what its owner may do.
type APIKey struct {
	Key   string // as it is sent, or its hash in lower-case hexadecimal
	Roles []string
}

// KeyAccess is extra_config."auth/api-keys" of an endpoint.
type KeyAccess struct {
	Roles         []string // any of them
	InQuery       bool     // strategy: query_string
	Identifier    string   // canonical header, or query parameter
	ClientMaxRate float64  // calls a second for each key; 0: no limit
}

// hashDigits is how long a key is by hash, in hexadecimal digits.
var hashDigits = map[string]int{"fnv128": 32, "sha1": 40, "sha256": 64}

// keyPlace is where keys stand in a request.
type keyPlace struct{ strategy, identifier string }

func (b *block) keyPlace(inherited keyPlace) keyPlace {
	place := keyPlace{b.oneOf("strategy", inherited.strategy, []string{"header", "query_string"}), b.text("identifier")}
	switch {
	case place.identifier == "" && place.strategy == inherited.strategy && inherited.identifier != "":
		place.identifier = inherited.identifier
	case place.identifier == "" && place.strategy == "query_string":
		place.identifier = "key"
	case place.identifier == "":
		place.identifier = "Authorization"
	}
	if place.strategy == "header" {
		if !isToken(place.identifier) {
			b.problem(b.at("identifier"), "must be the name of a header (got %s)", show(place.identifier))
		}
		place.identifier = textproto.CanonicalMIMEHeaderKey(place.identifier)
	}
	return place
}

// apiKeys reads auth/api-keys of the service; nil when it is absent. Messages name a
// key by its place, never by itself.
func (b *block) apiKeys() (*APIKeys, keyPlace) {
	if b == nil {
		return nil, keyPlace{}
	}
	place := b.keyPlace(keyPlace{"header", ""})
	keys := &APIKeys{
		Hash:          b.oneOf("hash", "plain", []string{"plain", "fnv128", "sha256", "sha1"}),
		Salt:          b.text("salt"),
		PropagateRole: b.headerName("propagate_role"),
	}
	if keys.Hash == "plain" && keys.Salt != "" {
		b.warn(b.at("salt"), "has no effect on plain keys, ignored")
	}
	if !b.has("keys") || b.emptyList("keys") {
		b.problem(b.at("keys"), "missing: list the keys that may call, such as {\"key\": …, \"roles\": […]}")
	}
	seen := map[string]bool{}
	for o := range b.objects("keys") {
		k := APIKey{Key: o.text("key"), Roles: o.texts("roles")}
		if digits := hashDigits[keys.Hash]; digits > 0 && k.Key != "" {
			k.Key = strings.ToLower(k.Key)
			if _, err := hex.DecodeString(k.Key); len(k.Key) != digits || err != nil {
				o.problem(o.at("key"), "must be the %s of the key in %d hexadecimal digits", keys.Hash, digits)
			}
		}
		switch {
		case k.Key == "":
			o.problem(o.at("key"), "missing: an empty key would let everybody in")
		case seen[k.Key]:
			o.problem(o.at("key"), "stands twice")
		}
		if len(k.Roles) == 0 {
			o.warn(o.at("roles"), "missing, so no endpoint lets this key in")
		}
		seen[k.Key] = true
		keys.Keys = append(keys.Keys, k)
		o.close(nil)
	}
	const elsewhere = "it belongs into auth/api-keys of an endpoint"
	b.close(map[string]string{"client_max_rate": elsewhere, "roles": elsewhere})
	return keys, place
}

// keyAccess reads auth/api-keys of an endpoint; nil when it is absent.
func (b *block) keyAccess(s *Service) *KeyAccess {
	if b == nil {
		return nil
	}
	place := b.keyPlace(s.keyPlace)
	access := &KeyAccess{
		Roles:         b.texts("roles"),
		InQuery:       place.strategy == "query_string",
		Identifier:    place.identifier,
		ClientMaxRate: b.keyRate("client_max_rate"),
	}
	if s.APIKeys == nil {
		b.problem(b.path, "there are no keys: list them in auth/api-keys of the extra_config at the root of the file")
		return access
	}
	if !b.has("roles") || b.emptyList("roles") {
		b.problem(b.at("roles"), "missing: say whose keys are let in")
	}
	for i, role := range access.Roles {
		known := func(k APIKey) bool { return slices.Contains(k.Roles, role) }
		if !slices.ContainsFunc(s.APIKeys.Keys, known) {
			b.warn(b.elementAt("roles", i), "no key has the role %s", show(role))
		}
	}
	b.close(map[string]string{"keys": "they belong into auth/api-keys at the root of the file"})
	return access
}

// toldKeys warns of keys that events would tell: they stand in a query parameter that is
// not masked by default.
func (b *block) toldKeys(s *Service) {
	if s.Moesif == nil {
		return
	}
	var said []string
	for _, e := range s.Endpoints {
		if e.APIKeys == nil || !e.APIKeys.InQuery || slices.Contains(said, e.APIKeys.Identifier) {
			continue
		}
		name := e.APIKeys.Identifier
		is := func(masked string) bool { return strings.EqualFold(masked, name) }
		if s.Moesif.DefaultMasks && slices.ContainsFunc(mask.DefaultQuery, is) || slices.ContainsFunc(s.Moesif.RequestBodyMasks, is) {
			continue
		}
		said = append(said, name)
		b.warn("extra_config.telemetry/moesif.request_body_masks", "lacks %s, the query parameter with the API keys: events would tell them", show(name))
	}
}

// keyRate reads a number of calls a second.
func (b *block) keyRate(key string) float64 {
	v, path, ok := b.find(key)
	if !ok {
		return 0
	}
	rate, ok := asFloat(v)
	const most = 1e9
	if !ok || !(rate >= 0 && rate <= most) {
		b.problem(path, "must be a number of calls a second from 0 to 1000000000 (got %s)", show(v))
		return 0
	}
	return rate
}

// headerName reads the name of a header, in its canonical form.
func (b *block) headerName(key string) string {
	name := b.text(key)
	if name != "" && !isToken(name) {
		b.problem(b.at(key), "must be the name of a header (got %s)", show(name))
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}
