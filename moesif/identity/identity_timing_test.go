package identity

import (
	"strings"
	"testing"
)

// claims are those of a token as identity providers write it: 500 bytes on the wire.
const claims = `{"iss":"https://login.example.com/","aud":["https://api.example.com","https://login.example.com/userinfo"],"iat":1763805600,"exp":1763892000,` +
	`"azp":"kZ3n8xQ2","scope":"openid profile email","org":{"id":"acme","plan":"pro"},"sub":"auth0|5f7c8ec7c33c6c004bbafe82"}`

func BenchmarkIdentify(b *testing.B) {
	bearer := "Authorization: Bearer " + token(claims) + strings.Repeat("s", 40)
	for _, c := range []struct {
		name    string
		sources Sources
		request Request
	}{
		{"header", Sources{UserHeaders: []string{"X-User-Id"}}, Request{Headers: headers("Accept: */*", "X-User-Id: u1")}},
		{"Basic", Sources{UserHeaders: []string{"Authorization"}}, Request{Headers: headers("Authorization: Basic " + basic("ada:correct horse"))}},
		{"Bearer", Sources{UserHeaders: []string{"Authorization"}, UserClaim: "sub"}, Request{Headers: headers(bearer)}},
		{"Bearer, user and company", Sources{UserHeaders: []string{"Authorization"}, UserClaim: "sub", CompanyClaim: "org.id"}, Request{Headers: headers(bearer)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c.sources.Identify(&c.request).UserID == "" {
					b.Fatal("nobody")
				}
			}
		})
	}
}
