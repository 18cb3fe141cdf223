package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// all reads an array: its events as JSON, or what is wrong with each.
func all(data []byte) (list []string, err error) {
	a := NewEventArray(data)
	for {
		var e Event
		malformed, err := a.Next(&e)
		switch {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return list, err
		case malformed != nil:
			list = append(list, malformed.Error())
		default:
			list = append(list, shown(e))
		}
	}
}

// shown is what e holds.
func shown(e Event) string {
	answer := e.Response
	e.Response = nil
	return fmt.Sprintf("%+v %+v", e, answer)
}

// oneByOne reads it as all should, with what takes more time.
func oneByOne(data []byte) (list []string, err error) {
	items, err := scan.SplitArray(data)
	for _, item := range items {
		e, err := DecodeEvent(item)
		if err != nil {
			list = append(list, err.Error())
			continue
		}
		list = append(list, shown(e))
	}
	return list, err
}

const plainEvent = `{"request":{"time":"2026-11-22T10:00:00Z","uri":"/","verb":"GET"}}`

func TestEventsOfAnArrayAreThoseOfItsElements(t *testing.T) {
	whole := wholeEvent()
	escapes := whole
	escapes.UserID, escapes.Request.URI = "a\n\"b\"", "/\\\x01"
	escapes.Response = nil
	escapes.Request.Headers = Headers{{"quoted", `"x"`}, {"long", strings.Repeat("\"", 700)}, {"q\"", "é"}}
	batch := AppendEvents(nil, []Event{whole, escapes, whole})
	for _, data := range []string{
		`[]`, ` [ ] `, string(batch), "[" + plainEvent + ",\n" + plainEvent + "]",
		`[1,null,"x",[],{},` + plainEvent + `]`,
		`[{"request":[[{"a":[]}]],"x":[{}]},` + plainEvent + `]`,
		`[{"request":{"headers":{"a":[1,{"b":[2]}],"c":3}, "headers":{"d":[[1]]},"time":{"a":[1,2]},"uri":"/"}},` + plainEvent + `,{"response":{"status":[]}},` + plainEvent + `]`,
		`[{"request":{"headers":[1]},"user_id":{}},` + plainEvent + `]`,
		"[" + plainEvent + `,{"user_id":"` + "\xff\xfe" + `","request":{"time":"2026-11-22T10:00:00Z","uri":"/","verb":"GET"}}]`,
	} {
		want, err := oneByOne([]byte(data))
		if err != nil {
			t.Fatal(data, err)
		}
		got, err := all([]byte(data))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %q (%v)\nwant %q", data, got, err, want)
		}
	}
}

func TestWhatIsNoArrayOfEventsIsTold(t *testing.T) {
	for data, events := range map[string]int{
		``: 0, `{}`: 0, `1`: 0, `[`: 0, `[` + plainEvent: 1, `[` + plainEvent + `,`: 1, `[` + plainEvent + `}`: 1, `[{"request":{"time":1,"uri":}},1]`: 0,
		`[` + plainEvent + `] x`: 1, `[{"user_id":{"a":}}]`: 0, `[` + plainEvent + `,{"request":` + strings.Repeat("[", scan.MaxDepth): 1,
	} {
		list, err := all([]byte(data))
		if err == nil || len(list) != events {
			t.Errorf("%s: %q, error %v", data, list, err)
		}
	}
	if _, err := all([]byte(`{}`)); !errors.Is(err, scan.ErrNotArray) {
		t.Errorf("an object: %v", err)
	}
}

func FuzzEventArray(f *testing.F) {
	f.Add([]byte("[" + plainEvent + `,1,{"request":{"headers":{"a":["\"",2]},"time":"x"}},{"response":{"body":{"a":[1]}}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		got, err := all(data)
		want, wantErr := oneByOne(data)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if !bytes.Equal(data, before) {
			t.Error("the array was changed")
		}
	})
}
