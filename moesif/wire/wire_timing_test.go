package wire

import (
	"encoding/json"
	"strings"
	"testing"
)

// typicalEvent is about 1.2 KB on the wire.
func typicalEvent() Event {
	e := wholeEvent()
	for _, h := range []string{"User-Agent", "Accept-Encoding", "Accept-Language", "X-Forwarded-For", "X-Forwarded-Proto", "Traceparent"} {
		e.Request.Headers = append(e.Request.Headers, Header{h, strings.Repeat("v", 24)})
	}
	for _, h := range []string{"Content-Type", "Date", "Server", "X-Krakend", "X-Krakend-Completed"} {
		e.Response.Headers = append(e.Response.Headers, Header{h, strings.Repeat("v", 24)})
	}
	return e
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := typicalEvent()
	dst := AppendEvent(nil, &e)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendEvent(dst[:0], &e)
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	e := typicalEvent()
	data := AppendEvent(nil, &e)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeEvent(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json into a map", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var m map[string]any
			if err := json.Unmarshal(data, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
