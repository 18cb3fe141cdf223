package mask

import (
	"strings"
	"testing"
)

// user is a body of about 1 KB with two fields to mask.
var user = []byte(`{"id":421,"name":"Ada Lovelace","password":"correct horse","profile":{"email":"ada@example.com","card":{"number":"4111111111111111","cvc":"123"}},` +
	`"orders":[` + strings.Repeat(`{"sku":"A-100","qty":2,"price":19.9,"note":"Leave at the \"back\" door"},`, 11) + `{"sku":"B"}]}`)

func BenchmarkBody(b *testing.B) {
	for _, c := range []struct {
		name, coding string
		masks        []string
		body         []byte
	}{
		{"JSON without masks", "", nil, user},
		{"JSON with masks", "", []string{"password", "card"}, user},
		{"JSON with dotted masks", "", []string{"password", "profile.card"}, user},
		{"gzip JSON with masks", "gzip", []string{"password", "card"}, encode(b, "gzip", user)},
		{"zstd JSON with masks", "zstd", []string{"password", "card"}, encode(b, "zstd", user)},
		{"br JSON with masks", "br", []string{"password", "card"}, encode(b, "br", user)},
		{"binary without masks", "", nil, append([]byte{0}, user...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := New(c.masks)
			var dst []byte
			b.SetBytes(int64(len(user)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _, _, _ = m.Apply(dst[:0], c.body, "application/json", c.coding, roomy, false)
			}
		})
	}
}

func BenchmarkHeaders(b *testing.B) {
	h := NewHeaders(DefaultHeaders, NewQuery(DefaultQuery))
	b.ReportAllocs()
	for b.Loop() {
		h.Value("Authorization", "Bearer x")
		h.Value("Accept-Encoding", "gzip")
		h.Value("Referer", "https://example.com/orders?page=2&sort=name")
	}
}
