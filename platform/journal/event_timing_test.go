package journal

import (
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// BenchmarkReadEvent reads back an event of about 1 KB in the form in which it is
// kept, and in the one that versions before kept.
func BenchmarkReadEvent(b *testing.B) {
	sent, err := wire.DecodeEvent(eventJSON(randomUUID()))
	if err != nil {
		b.Fatal(err)
	}
	for name, data := range map[string][]byte{"packed": AppendEvent(nil, &sent), "wire JSON": wire.AppendEvent(nil, &sent)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			var r EventReader
			for b.Loop() {
				var e wire.Event
				if err := r.Read(&e, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPackEvent is the way there.
func BenchmarkPackEvent(b *testing.B) {
	sent, err := wire.DecodeEvent(eventJSON(randomUUID()))
	if err != nil {
		b.Fatal(err)
	}
	dst := AppendEvent(nil, &sent)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendEvent(dst[:0], &sent)
	}
}

// BenchmarkBlock compresses a batch of 200 such events, and takes it apart again.
func BenchmarkBlock(b *testing.B) {
	var entries []Entry
	size := 0
	for range 200 {
		sent, err := wire.DecodeEvent(eventJSON(randomUUID()))
		if err != nil {
			b.Fatal(err)
		}
		entries = append(entries, Entry{Data: AppendEvent(nil, &sent)})
		size += len(entries[len(entries)-1].Data)
	}
	packed := encodeEntries(entries, nil)
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			packed = encodeEntries(entries, nil)
		}
		b.ReportMetric(float64(len(packed))/float64(size), "ratio")
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeEntries(packed, 200); err != nil {
				b.Fatal(err)
			}
		}
	})
}
