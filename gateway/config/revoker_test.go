package config

import (
	"reflect"
	"testing"
	"time"
)

func TestRevokersAreReadAsWritten(t *testing.T) {
	for file, want := range map[string]*Revoker{
		"testdata/good/revoker.json": {Most: 10_000_000, TTL: 25 * time.Minute, Keys: []string{"jti", "sub"}, ListenAddress: "[::]:1234", APIKey: "s3cret"},
		"testdata/good/revoker.yaml": {Most: 1000, TTL: time.Minute, Keys: []string{"jti"}},
		"testdata/good/signer.json":  nil,
	} {
		s, err := Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s.Revoker, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", file, s.Revoker, want)
		}
	}
	for port, want := range map[string]string{`, "port": 1234`: "127.0.0.1:1234", ``: "", `, "port": 0`: ""} {
		s, err := Parse("krakend.json", []byte(`{"version": 3, "extra_config": {"auth/revoker": {"N": 1, "TTL": 1, "token_keys": ["jti"]`+port+`}}}`), nil)
		if err != nil || s.Revoker.ListenAddress != want {
			t.Errorf("%s: got %+v, %v, want %q", port, s, err, want)
		}
	}
}
