package auth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// BenchmarkValidator compares a token that comes again with one that has to be
// verified, RS256 with roles and one claim in a header.
func BenchmarkValidator(b *testing.B) {
	key := keyFor(b, "RS256", "kid", "k")
	c := trusting(issuerOf(b, key).URL, "RS256", func(c *config.Validator) {
		c.Roles, c.Propagate = []string{"admin"}, []config.Propagation{{Claim: "sub", Header: "X-User"}}
	})
	k := keeperOf(b)
	g := guardOf(b, k, c)
	claims := `{"sub":"ann","roles":["clerk","admin"],"iss":"https://issuer.example","exp":99999999999,"name":"` + strings.Repeat("x", 300) + `"}`
	token := "Bearer " + signed(b, "RS256", key, claims)
	for name, forget := range map[string]bool{"again": false, "first": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, "/a", nil)
			r.Header.Set("Authorization", token)
			w := httptest.NewRecorder()
			for b.Loop() {
				if forget {
					k.verified = newVerified(0)
				}
				if _, ok := g.Admit(w, r, nil); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}
