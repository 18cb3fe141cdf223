package scan

import (
	"encoding/json"
	"testing"
)

// order is a body as an API answers it, about 500 bytes.
var order = []byte(`{"id":"ord_8f2c1d","created":"2026-11-22T10:00:00Z","customer":{"id":421,"name":"Ada Lovelace","email":"ada@example.com",` +
	`"address":{"street":"12 St James's Square","city":"London","zip":"SW1Y 4JH"}},"lines":[{"sku":"A-100","qty":2,"price":19.9,"tags":["new","blue"]},` +
	`{"sku":"B-220","qty":1,"price":240.0,"tags":[]}],"total":279.8,"currency":"GBP","paid":true,"coupon":null,"note":"Leave at the \"back\" door, please; ring twice."}`)

func BenchmarkValid(b *testing.B) {
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(int64(len(order)))
		b.ReportAllocs()
		for b.Loop() {
			if !Valid(order) {
				b.Fatal("not valid")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(order)))
		b.ReportAllocs()
		for b.Loop() {
			if !json.Valid(order) {
				b.Fatal("not valid")
			}
		}
	})
}
