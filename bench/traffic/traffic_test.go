package traffic

import (
	"bytes"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/klauspost/compress/gzip"
)

func TestAnEventIsOfTheSizeThatIsPromised(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	calls := New(1)
	const batches, size = 50, 200
	plain, packed := 0, 0
	users, companies := map[string]bool{}, map[string]bool{}
	for range batches {
		list := make([]wire.Event, size)
		for i := range list {
			at = at.Add(5 * time.Millisecond)
			list[i] = calls.Event(at)
			users[list[i].UserID], companies[list[i].CompanyID] = true, true
		}
		b := wire.AppendEvents(nil, list)
		var out bytes.Buffer
		z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		plain, packed = plain+len(b), packed+out.Len()
	}
	each, eachPacked := plain/batches/size, packed/batches/size
	t.Logf("%d bytes, %d compressed; %d users of %d companies in %d events", each, eachPacked, len(users), len(companies), batches*size)
	if each < 1150 || each > 1300 {
		t.Errorf("an event has %d bytes", each)
	}
	if eachPacked < 190 || eachPacked > 280 {
		t.Errorf("an event has %d bytes when compressed", eachPacked)
	}
}

func BenchmarkEvent(b *testing.B) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	calls := New(1)
	var buf []byte
	for b.Loop() {
		e := calls.Event(at)
		buf = wire.AppendEvent(buf[:0], &e)
	}
}
