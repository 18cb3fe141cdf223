package pipe

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// What is cut into an answer's bytes is what signing its decoded data gives.
func FuzzSignedAnswer(f *testing.F) {
	f.Add([]byte(`{"a":1,"access_token":{"sub":"ann"},"refresh_token":{"n":1.50},"z":[{}]}`))
	f.Add([]byte(` { "access_token" : "opaque" , "refresh_token" : null } `))
	f.Add([]byte(`{"access\u005ftoken":{},"access_token":{"a":{"access_token":{}}}}`))
	path := filepath.Join(f.TempDir(), "keys.json")
	if err := os.WriteFile(path, []byte(`{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}`), 0o600); err != nil {
		f.Fatal(err)
	}
	keeper := auth.NewKeeper(&config.Service{}, slog.New(slog.DiscardHandler))
	f.Cleanup(keeper.Close)
	made, err := keeper.Signer(&config.Endpoint{Signer: &config.Signer{
		Alg: "HS256", KeyID: "k", Keys: []string{"access_token", "refresh_token"}, JWKLocalPath: path,
	}})
	if err != nil {
		f.Fatal(err)
	}
	s := &signer{made}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var data map[string]any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if d.Decode(&data) != nil || len(data) == 0 || d.More() || !json.Valid(raw) {
			return
		}
		want, err := s.sign(t.Context(), &backend.Answer{Data: data}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.sign(t.Context(), &backend.Answer{Raw: raw}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Decode(); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if !reflect.DeepEqual(got.Data, want.Data) {
			t.Errorf("%s:\n got %v\nwant %v", raw, got.Data, want.Data)
		}
	})
}
