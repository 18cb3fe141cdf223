package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestKeysAndPasswordsAreReadAsWritten(t *testing.T) {
	s, err := Load("testdata/good/callers.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	wantKeys := &APIKeys{
		Keys: []APIKey{{"4d2c61e1", []string{"user", "admin"}}, {"58427514", []string{"user"}}, {Key: "ffffffff"}},
		Hash: "plain", Salt: "pepper", PropagateRole: "X-Role",
	}
	if !reflect.DeepEqual(s.APIKeys, wantKeys) {
		t.Errorf("keys:\n got %+v\nwant %+v", s.APIKeys, wantKeys)
	}
	user := []string{"user"}
	for i, want := range []*KeyAccess{
		{Roles: user, Identifier: "X-Key"},
		{Roles: []string{"user", "root"}, InQuery: true, Identifier: "key", ClientMaxRate: 0.5},
		{Roles: user, InQuery: true, Identifier: "k"},
		{Roles: user, Identifier: "X-Other"},
		nil,
	} {
		if got := s.Endpoints[i].APIKeys; !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", s.Endpoints[i].Path, got, want)
		}
	}
	shared := &Basic{Users: map[string]string{"ann": "$2y$05$HpdPmv2Z3h3skMCVaf/CEep/UUBuhZaaaaaaaaaaaaaaaaaaaaaaa"}}
	for i, want := range []*Basic{nil, nil, nil, nil, shared, {HtpasswdPath: "/etc/htpasswd"}} {
		if got := s.Endpoints[i].Basic; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", s.Endpoints[i].Path, got, want)
		}
	}
}

// What the service says of the place of keys holds for endpoints that say nothing; the
// default of the identifier is that of the strategy (KrakenD v3, 5).
func TestThePlaceOfKeysIsInherited(t *testing.T) {
	for _, c := range []struct {
		root, endpoint string
		inQuery        bool
		identifier     string
	}{
		{``, ``, false, "Authorization"},
		{`"strategy": "header"`, ``, false, "Authorization"},
		{`"strategy": "query_string"`, ``, true, "key"},
		{`"strategy": "query_string", "identifier": "k"`, ``, true, "k"},
		{`"strategy": "query_string", "identifier": "k"`, `, "identifier": "other"`, true, "other"},
		{`"strategy": "query_string", "identifier": "k"`, `, "strategy": "header"`, false, "Authorization"},
		{`"identifier": "x-key"`, `, "strategy": "header"`, false, "X-Key"},
		{`"identifier": "x-key"`, `, "strategy": "query_string"`, true, "key"},
	} {
		root := c.root
		if root != "" {
			root += ", "
		}
		s := parse(t, "k.json", `{"version": 3, "extra_config": {"auth/api-keys": {`+root+`"keys": [{"key": "a", "roles": ["r"]}]}},
			"endpoints": [{"endpoint": "/a", "backend": {"host": "http://b", "url_pattern": "/"}, "extra_config": {"auth/api-keys": {"roles": ["r"]`+c.endpoint+`}}}]}`)
		got := s.Endpoints[0].APIKeys
		if got.InQuery != c.inQuery || got.Identifier != c.identifier {
			t.Errorf("%+v: got %+v", c, got)
		}
	}
}

func TestBcryptHashesAreTold(t *testing.T) {
	const good = "$2a$10$HpdPmv2Z3h3skMCVaf/CEep/UUBuhZaaaaaaaaaaaaaaaaaaaaaaa"
	for hash, want := range map[string]bool{
		good:                                        true,
		strings.Replace(good, "2a", "2y", 1):        true,
		strings.Replace(good, "2a", "2b", 1):        true,
		strings.Replace(good, "$10", "$16", 1):      true,
		strings.Replace(good, "2a", "2x", 1):        false,
		strings.Replace(good, "$10", "$17", 1):      false,
		strings.Replace(good, "$10", "$03", 1):      false,
		strings.Replace(good, "$10", "$1x", 1):      false,
		strings.Replace(good, "/", ":", 1):          false,
		good[1:]:                                    false,
		good + "a":                                  false,
		"":                                          false,
		"{SHA}" + strings.Repeat("a", 55):           false,
		"$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00aaaa": false,
	} {
		if IsBcrypt(hash) != want {
			t.Errorf("%s: want %v", hash, want)
		}
	}
}
