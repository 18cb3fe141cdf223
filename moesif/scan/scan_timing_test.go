package scan

import (
	"bytes"
	"encoding/json"
	"testing"
)

// order is a body as an API answers it, about 500 bytes.
var order = []byte(`{"id":"ord_8f2c1d","created":"2026-11-22T10:00:00Z","customer":{"id":421,"name":"Ada Lovelace","email":"ada@example.com",` +
	`"address":{"street":"12 St James's Square","city":"London","zip":"SW1Y 4JH"}},"lines":[{"sku":"A-100","qty":2,"price":19.9,"tags":["new","blue"]},` +
	`{"sku":"B-220","qty":1,"price":240.0,"tags":[]}],"total":279.8,"currency":"GBP","paid":true,"coupon":null,"note":"Leave at the \"back\" door, please; ring twice."}`)

func BenchmarkValid(b *testing.B) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, order, "", "  "); err != nil {
		b.Fatal(err)
	}
	list := append(append([]byte{'['}, bytes.Repeat(append(order[:len(order):len(order)], ','), 8)...), "0]"...)
	for _, body := range []struct {
		name string
		data []byte
	}{{"small", order}, {"indented", indented.Bytes()}, {"4 KB", list}} {
		for _, by := range []struct {
			name  string
			valid func([]byte) bool
		}{{"scan", Valid}, {"encoding/json", json.Valid}} {
			b.Run(body.name+"/"+by.name, func(b *testing.B) {
				b.SetBytes(int64(len(body.data)))
				b.ReportAllocs()
				for b.Loop() {
					if !by.valid(body.data) {
						b.Fatal("not valid")
					}
				}
			})
		}
	}
}

// BenchmarkTokens reads every token, or only keys as a mask does.
func BenchmarkTokens(b *testing.B) {
	for name, want := range map[string]Kinds{"all": everything, "keys": Keys} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(order)))
			for b.Loop() {
				for s := New(order); ; {
					if _, err := s.Seek(want); err != nil {
						break
					}
				}
			}
		})
	}
}
