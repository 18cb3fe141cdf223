package backend

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzKeptBodies: what is kept as it came is what decoding gives.
func FuzzKeptBodies(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"<\u2028>"}]}`), false)
	f.Add([]byte(" [ 1, 2.50, \"&\" ]\n"), true)
	f.Add([]byte(`[]`), true)
	f.Add([]byte(`{ }`), false)
	f.Add([]byte(`null`), true)
	f.Fuzz(func(t *testing.T, body []byte, isCollection bool) {
		a := &Answer{buffer: bytes.NewBuffer(bytes.Clone(body))}
		if !a.keep(isCollection) {
			return
		}
		want, err := newDecoder("json", isCollection)(body)
		if err != nil || len(want) == 0 {
			t.Fatalf("%q is kept: %v", body, err)
		}
		kept := bytes.Clone(a.Raw)
		if err := a.Decode(); err != nil || !reflect.DeepEqual(a.Data, want) || a.Raw != nil {
			t.Fatalf("%q is kept as %q: %v, want %v, %v", body, kept, a.Data, want, err)
		}
		if bytes.ContainsAny(kept, "<>&") || !json.Valid(kept) {
			t.Fatalf("%q is kept as %q", body, kept)
		}
	})
}

func TestNewRaw(t *testing.T) {
	for text, want := range map[string]string{`{"a":1}`: `{"a":1}`, `{}`: ``} {
		a := NewRaw(func(out *bytes.Buffer) bool { out.WriteString(text); return true })
		if string(a.Raw) != want || (a.Data != nil) != (want == "") {
			t.Errorf("%s: got %+v", text, a)
		}
		a.Release()
	}
	if a := NewRaw(func(out *bytes.Buffer) bool { out.WriteString("half"); return false }); a != nil {
		t.Errorf("got %+v", a)
	}
}
