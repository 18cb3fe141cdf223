package traffic

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/google/uuid"
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

func TestAPoolGivesNewEvents(t *testing.T) {
	p := NewPool(1, 50)
	r := rand.New(rand.NewPCG(1, 1))
	ids := map[string]bool{}
	at := time.Date(2026, 11, 22, 12, 34, 56, 789_000, time.UTC)
	for n := range 500 {
		ordered := n%2 == 0
		document := p.Append(nil, r, at, ordered)
		e, err := wire.DecodeEvent(document)
		if err != nil {
			t.Fatalf("%v: %s", err, document)
		}
		id, err := uuid.Parse(e.TransactionID)
		if err != nil || ordered != (id.Version() == 7) || !ordered && id.Version() != 4 || id.Variant() != uuid.RFC4122 || !e.Request.Time.Equal(at) || e.Response.Time.Before(at) || e.Response.Time.After(at.Add(time.Hour)) {
			t.Fatalf("%v: %s", err, document)
		}
		ids[e.TransactionID] = true
	}
	if len(ids) != 500 {
		t.Errorf("%d ids of 500 events", len(ids))
	}
}

func BenchmarkPool(b *testing.B) {
	p := NewPool(1, 1000)
	r := rand.New(rand.NewPCG(1, 1))
	at := time.Date(2026, 11, 22, 12, 34, 56, 789_000, time.UTC)
	var buf []byte
	for b.Loop() {
		buf = p.Append(buf[:0], r, at, true)
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
