package config

import (
	"crypto/sha256"
	"reflect"
	"testing"
)

func TestSignersAreReadAsWritten(t *testing.T) {
	s, err := Load("testdata/good/signer.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	nothing := sha256.Sum256(nil)
	want := []*Signer{
		{
			Alg: "ES256", KeyID: "sim1", Keys: []string{"access_token", "refresh_token"}, Full: true,
			JWKURL: "https://keys.example/private", JWKLocalCA: "ca.pem", Pins: [][]byte{nothing[:]}, CipherSuites: []uint16{10, 49195},
		},
		{Alg: "HS256", KeyID: "k", Keys: []string{"access_token"}, JWKLocalPath: "keys.json"},
		nil,
	}
	for i, w := range want {
		e := &s.Endpoints[i]
		if !reflect.DeepEqual(e.Signer, w) || e.OutputEncoding != "json" {
			t.Errorf("%s: got %+v, %s\nwant %+v", e.Path, e.Signer, e.OutputEncoding, w)
		}
	}
}
