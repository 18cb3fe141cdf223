package config

import (
	"maps"
	"slices"
	"strings"
)

// Basic is extra_config."auth/basic" (KrakenD v3, 5): who may call with a name and
// a password.
type Basic struct {
	HtpasswdPath string            // a file with names and bcrypt hashes; "" for none
	Users        map[string]string // name → bcrypt hash
}

// basic reads auth/basic of an endpoint, or of the service, where it tells the users of
// endpoints that have a block without users. The reference does not say where the block
// stands; the service's protects only the endpoints that have one, as with
// auth/api-keys. nil when it is absent. Messages never repeat a hash.
func (b *block) basic(inherited *Basic) *Basic {
	if b == nil {
		return nil
	}
	users := &Basic{HtpasswdPath: b.text("htpasswd_path"), Users: b.pairs("users")}
	b.close(nil)
	if users.HtpasswdPath == "" && len(users.Users) == 0 {
		if inherited == nil {
			b.problem(b.path, "nobody could call: name an htpasswd_path, or users with their bcrypt hashes")
			return users
		}
		return inherited
	}
	for _, name := range slices.Sorted(maps.Keys(users.Users)) {
		path := under(under(b.path, "users"), name)
		if name == "" || strings.Contains(name, ":") {
			b.problem(path, "must be a name without a colon")
		}
		if !IsBcrypt(users.Users[name]) {
			b.problem(path, "must be a bcrypt hash such as $2y$10$… (htpasswd -nB makes one)")
		}
	}
	return users
}

// IsBcrypt tells a hash that auth/basic can check with a cost that a call may take: at
// most 2¹⁶ rounds, some seconds.
func IsBcrypt(hash string) bool {
	const length, mostCost = 60, "16"
	if len(hash) != length || hash[0] != '$' || hash[1] != '2' || hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y' || hash[3] != '$' || hash[6] != '$' {
		return false
	}
	cost := hash[4:6]
	if cost[0] < '0' || cost[0] > '9' || cost[1] < '0' || cost[1] > '9' || cost < "04" || cost > mostCost {
		return false
	}
	return !strings.ContainsFunc(hash[7:], func(r rune) bool {
		return r != '.' && r != '/' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// protects looks for what stands at the root to protect endpoints and is asked for by
// none of them.
func (b *block) protects(s *Service, extra map[string]*block) {
	if o := extra["auth/api-keys"]; o != nil && !slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool { return e.APIKeys != nil }) {
		b.warn(o.path, "protects nothing: no endpoint has an auth/api-keys in its extra_config")
	}
	if o := extra["auth/basic"]; o != nil && !slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool { return e.Basic != nil }) {
		b.problem(o.path, "protects nothing: put an auth/basic into the extra_config of the endpoints that ask for a password")
	}
}
