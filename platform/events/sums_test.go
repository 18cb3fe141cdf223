package events

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"pgregory.net/rapid"
)

func TestADurationIsInTheBucketOfTheMacro(t *testing.T) {
	s := open(t)
	var durations []int64
	for _, end := range bucketEnds {
		for d := int64(-2); d <= 2; d++ {
			if d <= 0 || end <= math.MaxInt64-d {
				durations = append(durations, max(0, end+d))
			}
		}
	}
	for n := range 63 { // and half-way
		durations = append(durations, 1<<n, 3<<n>>1, 1<<n-1)
	}
	rows, err := s.db.QueryContext(t.Context(), "SELECT us, duration_bucket(us) FROM (SELECT unnest(?::BIGINT[]) AS us)", durations)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}()
	n := 0
	for ; rows.Next(); n++ {
		var us int64
		var want int
		if err := rows.Scan(&us, &want); err != nil {
			t.Fatal(err)
		}
		got := durationBucket(us)
		// Beyond some years the last bit of a logarithm decides, which is not the
		// same in every library.
		if got != want && (us < int64(10*365*day/time.Microsecond) || max(got-want, want-got) > 1) {
			t.Errorf("%d µs is in bucket %d, want %d", us, got, want)
		}
	}
	if err := rows.Err(); err != nil || n != len(durations) {
		t.Errorf("%d of %d durations, %v", n, len(durations), err)
	}
}

// rollupSums are the rows of all rollups, those of a group added up.
func rollupSums(t *rapid.T, db querier) map[string]sum {
	all := map[string]sum{}
	for _, rollups := range allRollups {
		for _, r := range rollups {
			q := fmt.Sprintf(`SELECT concat_ws('|', app, time, %s, failed), events, calls, refused, request_bytes, response_bytes,
				epoch_us(first), epoch_us(last), coalesce(durations, '') FROM %s`, r.dimensions, r.table)
			err := query(t.Context(), db, question{sql: q}, func(rows *sql.Rows) error {
				var name, text string
				var v sum
				var d durations
				err := rows.Scan(&name, &v.events, &v.calls, &v.refused, &v.requestBytes, &v.responseBytes, &v.first, &v.last, &text)
				d.reset(text)
				for bucket, n := range d.counts {
					for range n {
						v.buckets = append(v.buckets, uint16(bucket))
					}
				}
				name = r.table + "|" + name
				if old, ok := all[name]; ok {
					v = *old.merge(&v)
				}
				slices.Sort(v.buckets)
				all[name] = v
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func drawEvent(t *rapid.T) wire.Event {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	at := noon.Add(-time.Duration(rapid.SampledFrom([]int64{0, 1, 59_999_999, 60_000_000, 3_599_999_999, 3_600_000_000, 43_200_000_000, 43_200_000_001, 90_000_000_000}).Draw(t, "before")) * time.Microsecond)
	e := wire.Event{
		TransactionID: rapid.StringMatching("[a-z]{8}").Draw(t, "id"),
		UserID:        pick("user", "", "u1", "u2", "u\xff"), CompanyID: pick("company", "", "c1", "c2", "c'3"),
		Weight:   rapid.IntRange(0, 3).Draw(t, "weight"),
		Metadata: []byte(pick("metadata", "", `{}`, `{"gatemeter":{"route":"/a"}}`, `{"gatemeter":{"route":"/a","refused":"quota"}}`, `{"gatemeter":{}}`)),
		Request: wire.Request{
			Time: at, URI: pick("uri", "/a", "https://h/b/77?x=1", "/c\xfe"), Verb: pick("verb", "GET", "POST"),
			ContentLength: rapid.SampledFrom([]int64{-1, 0, 17, math.MaxInt64}).Draw(t, "request bytes"),
		},
	}
	if rapid.Bool().Draw(t, "answered") {
		e.Response = &wire.Response{
			Status:        rapid.SampledFrom([]int{0, 200, 399, 400, 503}).Draw(t, "status"),
			ContentLength: rapid.SampledFrom([]int64{-1, 0, 5}).Draw(t, "response bytes"),
		}
		if rapid.Bool().Draw(t, "timed") {
			e.Response.Time = at.Add(time.Duration(rapid.SampledFrom([]int64{-5, 0, 1, 2, 900, 51_000, 51_001, 1 << 40}).Draw(t, "took")) * time.Microsecond)
		}
	}
	return e
}

// TestTheLoaderAddsUpWhatTheTableSays compares the sums of the loader, whatever
// happens between loads, with those that DuckDB finds in the rows.
func TestTheLoaderAddsUpWhatTheTableSays(t *testing.T) {
	s := open(t)
	seq := uint64(0)
	remembered := 0
	roll := func(t *rapid.T) {
		if s.tail.sums != nil && s.tail.events > 0 {
			remembered++
		}
		if err := s.rollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		roll(t)
		for _, rollups := range append(allRollups, []rollup{{table: "events"}}) {
			for _, r := range rollups {
				if _, err := s.writer.ExecContext(ctx, "DELETE FROM "+r.table); err != nil {
					t.Fatal(err)
				}
			}
		}
		first := int64(seq)
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"load", "load", "load", "roll up", "fail", "reopen", "erase"}).Draw(t, "step") {
			case "load":
				var blocks []Block
				for range rapid.IntRange(1, 3).Draw(t, "blocks") {
					seq++
					app := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "app")
					blocks = append(blocks, Block{Seq: seq, App: app, ReceivedAt: noon, Events: rapid.SliceOfN(rapid.Custom(drawEvent), 0, 12).Draw(t, "events")})
				}
				if err := s.Load(ctx, 0, blocks); err != nil {
					t.Fatal(err)
				}
			case "roll up":
				roll(t)
			case "fail":
				err := s.transact(ctx, func(*sql.Tx) error {
					lost := []Block{{Seq: seq + 1, App: "a", ReceivedAt: noon, Events: []wire.Event{drawEvent(t)}}}
					err := s.raw(func(c driver.Conn) error { return appendBlocks(c, lost, &s.facts, s.tail.sums) })
					return errors.Join(errBroken, err)
				})
				if !errors.Is(err, errBroken) {
					t.Fatal(err)
				}
			case "reopen":
				if err := s.Reopen(ctx); err != nil {
					t.Fatal(err)
				}
			case "erase": // nobody, so that the rows stay to compare with
				if _, err := s.Erase(ctx, "a", ByUser, "nobody"); err != nil {
					t.Fatal(err)
				}
			}
		}
		roll(t)
		got := rollupSums(t, s.db)
		err := s.transact(ctx, func(tx *sql.Tx) error {
			for _, rollups := range allRollups {
				for _, r := range rollups {
					if _, err := tx.ExecContext(ctx, "DELETE FROM "+r.table); err != nil {
						return err
					}
				}
			}
			days, err := rollTable(ctx, tx, first)
			if err != nil {
				return err
			}
			want := map[int64]bool{}
			err = query(ctx, tx, question{sql: "SELECT epoch_us(time) FROM users_day"}, func(rows *sql.Rows) error {
				var d int64
				err := rows.Scan(&d)
				want[d] = true
				return err
			})
			if err != nil || !reflect.DeepEqual(days, want) {
				t.Errorf("rolled up days %v, want %v, %v", days, want, err)
			}
			if want := rollupSums(t, tx); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			return errBroken
		})
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	})
	if remembered == 0 {
		t.Error("no sums were remembered")
	}
}

var errBroken = errors.New("broken on purpose")
