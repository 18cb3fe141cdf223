package config

import (
	"net/url"
	"reflect"
	"testing"
)

func TestClientCredentialsAreReadAsWritten(t *testing.T) {
	s, err := Load("testdata/good/credentials.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []*ClientCredentials{
		{
			ClientID: "me", ClientSecret: "s3cret", TokenURL: "https://issuer.example/token", Scopes: []string{"read", "write"},
			Params: url.Values{"audience": {"a", "b"}, "resource": {"c"}},
		},
		{ClientID: "me", TokenURL: "http://issuer.example/token", Scopes: []string{"read", "write", "admin"}},
	} {
		if got := s.Endpoints[i].Backends[0].ClientCredentials; !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", s.Endpoints[i].Path, got, want)
		}
	}
}
