package auth

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// BenchmarkValidator compares a token that comes again, one that comes again while a
// hundred thousand others are revoked, and one that has to be verified, RS256 with roles
// and one claim in a header.
func BenchmarkValidator(b *testing.B) {
	key := keyFor(b, "RS256", "kid", "k")
	c := trusting(issuerOf(b, key).URL, "RS256", func(c *config.Validator) {
		c.Roles, c.Propagate = []string{"admin"}, []config.Propagation{{Claim: "sub", Header: "X-User"}}
	})
	k := keeperOf(b)
	g := guardOf(b, k, c)
	claims := `{"sub":"ann","roles":["clerk","admin"],"jti":"mnb23vcsrt756yuiomnbvcx98ertyuiop","iss":"https://issuer.example","exp":99999999999,"name":"` + strings.Repeat("x", 300) + `"}`
	token := "Bearer " + signed(b, "RS256", key, claims)
	revoker := NewRevoker(&config.Revoker{Most: 100_000, TTL: time.Hour, Keys: []string{"jti"}}, NewRevoked(nil), slog.New(slog.DiscardHandler))
	ids := make([]revocation, 100_000)
	for i := range ids {
		ids[i] = revoker.set.id("jti", strconv.Itoa(i))
	}
	if err := revoker.set.add(ids, revoker.TTL, revoker.Most); err != nil {
		b.Fatal(err)
	}
	for name, forget := range map[string]bool{"again": false, "again, revoker": false, "first": true} {
		b.Run(name, func(b *testing.B) {
			k.Ask(nil)
			if name == "again, revoker" {
				k.Ask(revoker)
			}
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
