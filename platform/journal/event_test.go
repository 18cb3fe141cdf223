package journal

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"pgregory.net/rapid"
)

// drawEvent draws an event as the wire has them: texts of any bytes, bodies that
// the journal does not look into.
func drawEvent(t *rapid.T) wire.Event {
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.Map(rapid.IntRange(100, 300), func(n int) string { return strings.Repeat("é", n) }))
	texts := func(name string) string { return text.Draw(t, name) }
	raw := func(name string) json.RawMessage {
		return rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`{}`), json.RawMessage(`"aGk="`), json.RawMessage(strings.Repeat(" ", 200) + `[1]`)}).Draw(t, name)
	}
	when := func(name string) time.Time {
		return rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(firstTime, lastTime), func(us int64) time.Time { return time.UnixMicro(us).UTC() })).Draw(t, name)
	}
	headers := func(name string) (hs wire.Headers) {
		for range rapid.IntRange(0, 70).Draw(t, name) {
			hs = append(hs, wire.Header{Name: texts("name"), Value: texts("value")})
		}
		return hs
	}
	length := rapid.Int64Range(-1, math.MaxInt64)
	e := wire.Event{
		Request: wire.Request{
			Time: when("time"), URI: texts("uri"), Verb: texts("verb"), Headers: headers("headers"), APIVersion: texts("version"), IPAddress: texts("ip"),
			Body: raw("body"), TransferEncoding: texts("encoding"), ContentLength: length.Draw(t, "length"),
		},
		UserID: texts("user"), CompanyID: texts("company"), SubscriptionID: texts("subscription"), SessionToken: texts("session"),
		TransactionID: texts("id"), Direction: texts("direction"), Weight: rapid.IntRange(0, maxWeight).Draw(t, "weight"), BlockedBy: texts("rule"),
		Metadata: raw("metadata"),
	}
	if rapid.Bool().Draw(t, "answered") {
		e.Response = &wire.Response{
			Time: when("answered at"), Status: rapid.IntRange(0, maxStatus).Draw(t, "status"), Headers: headers("response headers"), IPAddress: texts("response ip"),
			Body: raw("response body"), TransferEncoding: texts("response encoding"), ContentLength: length.Draw(t, "response length"),
		}
	}
	return e
}

func readEvent(r *EventReader, data []byte) (e wire.Event, err error) {
	err = r.Read(&e, data)
	return e, err
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	var r EventReader // one for all, as a load has it
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		before := []byte("before")
		data := AppendEvent(before, &e)
		if string(data[:len(before)]) != "before" {
			t.Fatal("what was there before is gone")
		}
		got, err := readEvent(&r, data[len(before):])
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("got  %+v %+v\nwant %+v %+v", got, got.Response, e, e.Response)
		}
	})
}

// A version before wrote wire JSON, and what it had not loaded is read by this one.
func TestEventsInJSONComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawEvent(t)
		drawn.Request.Time, drawn.Request.URI, drawn.Request.Verb, drawn.Metadata = noon, "/", "GET", json.RawMessage(`{"a":1}`)
		want, err := wire.DecodeEvent(wire.AppendEvent(nil, &drawn))
		if err != nil {
			t.Fatal(err)
		}
		var r EventReader
		for _, data := range [][]byte{wire.AppendEvent(nil, &drawn), AppendEvent(nil, &want)} {
			if got, err := readEvent(&r, data); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %+v (%v)\nwant %+v", got, err, want)
			}
		}
	})
}

func TestEventsOfOneReaderDoNotShareWhatMayGrow(t *testing.T) {
	e := wire.Event{Request: wire.Request{Time: noon, URI: "/", Headers: wire.Headers{{Name: "a", Value: "b"}}, Body: json.RawMessage(`1`), ContentLength: -1}, Metadata: json.RawMessage(`{}`)}
	var r EventReader
	data := AppendEvent(nil, &e)
	first, _ := readEvent(&r, data)
	second, _ := readEvent(&r, data)
	_ = append(first.Request.Headers, wire.Header{Name: "x"})
	_ = append(first.Request.Body, '2')
	if !reflect.DeepEqual(second, e) || !reflect.DeepEqual(first, e) {
		t.Errorf("got %+v and %+v", first, second)
	}
}

func TestDataThatIsNoEventIsUnreadable(t *testing.T) {
	e := wire.Event{Request: wire.Request{Time: noon, URI: "/", Headers: wire.Headers{{Name: "a", Value: "b"}}, Body: json.RawMessage(`1`)}, Response: &wire.Response{Time: noon, Status: 200}}
	whole := AppendEvent(nil, &e)
	var r EventReader
	for n := 1; n < len(whole); n++ {
		if _, err := readEvent(&r, whole[:n]); !errors.Is(err, ErrUnreadable) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for name, data := range map[string][]byte{
		"nothing":               nil,
		"another version":       append([]byte{2}, whole[1:]...),
		"longer than it is":     append(append([]byte{}, whole...), 0),
		"a length of 2^64-1":    {packedEvent, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"a body without answer": {packedEvent, 0, 0, 0, 1, 0},
	} {
		if _, err := readEvent(&r, data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	e := wire.Event{Request: wire.Request{Time: noon, URI: "/", Verb: "GET", Headers: wire.Headers{{Name: "a", Value: "b"}}, Body: json.RawMessage(`1`), ContentLength: 1}}
	f.Add(AppendEvent(nil, &e))
	e.Response = &wire.Response{Time: noon, Status: 200, Headers: wire.Headers{{Name: "c", Value: "d"}}, Body: json.RawMessage(`2`)}
	f.Add(AppendEvent(nil, &e))
	f.Add(wire.AppendEvent(nil, &e))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r EventReader
		got, err := readEvent(&r, data)
		if err != nil || data[0] != packedEvent {
			return
		}
		again, err := readEvent(&r, AppendEvent(nil, &got))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%+v became %+v, %v", got, again, err)
		}
	})
}
