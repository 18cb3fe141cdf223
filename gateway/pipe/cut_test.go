package pipe

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif/scan"
)

func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var data map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return data
}

// pairs reads "a=b c=d".
func pairs(text string) map[string]string {
	var m map[string]string
	for pair := range strings.FieldsSeq(text) {
		from, to, _ := strings.Cut(pair, "=")
		if m == nil {
			m = map[string]string{}
		}
		m[from] = to
	}
	return m
}

func TestCuttingIsDoneWhereItCanBe(t *testing.T) {
	many := `{"0":0`
	for i := range mostKeys {
		many += `,"k` + strings.Repeat("x", i) + `":1`
	}
	many += "}"
	for _, c := range []struct {
		raw     string
		backend config.Backend
		want    string // "": left to the shape
	}{
		{`{"a":1,"b":{"c": [1, 2]}}`, config.Backend{Group: "g"}, `{"g":{"a":1,"b":{"c": [1, 2]}}}`},
		{`{"b" : 1 , "a":{"c":1}, "d":[{}]}`, config.Backend{Deny: []string{"a"}}, `{"b":1,"d":[{}]}`},
		{`{"a":{"x":1,"y":{"z":1}},"b":1}`, config.Backend{Deny: []string{"a.x", "a.y.z", "b.c"}}, `{"a":{"y":{}},"b":1}`},
		{`{"a":1}`, config.Backend{Deny: []string{"a"}}, `{}`},
		{`{"a":1}`, config.Backend{Deny: []string{"a"}, Group: "g<"}, `{"g\u003c":{}}`},
		{`{"a":{"x":1,"y":{"z":1}},"b":1,"c":{},"d":{"e":1}}`, config.Backend{Allow: []string{"a.y", "b.x", "c", "d.f"}}, `{"a":{"y":{"z":1}},"c":{}}`},
		{`{"a":1,"b":2,"c":3}`, config.Backend{Mapping: pairs("a=b b=a c=d.e")}, `{"b":1,"a":2,"d":3}`},
		{`{"a":1,"b":2}`, config.Backend{Mapping: pairs("a=b")}, ``},
		{`{"a":1,"a":2}`, config.Backend{Deny: []string{"b"}}, ``},
		{`{"a":1,"a":2}`, config.Backend{Group: "g"}, `{"g":{"a":1,"a":2}}`},
		{`{"a":{"b":1,"b":2}}`, config.Backend{Allow: []string{"a.b"}}, ``},
		{`{"a":{"b":{"c":1}},"x":{}}`, config.Backend{Target: "a.b"}, `{"c":1}`},
		{`{"a":{"b":{"c":1,"d":2}}}`, config.Backend{Target: "a.b", Allow: []string{"c"}, Mapping: pairs("c=e"), Group: "g"}, `{"g":{"e":1}}`},
		{`{"a":1}`, config.Backend{Target: "a"}, `{}`},
		{`{"a":1}`, config.Backend{Target: "b.c", Group: "g"}, `{"g":{}}`},
		{`{"a":{ }}`, config.Backend{Target: "a"}, `{}`},
		{`{"a":{},"a":{"b":1}}`, config.Backend{Target: "a"}, ``},
		{`{"\u0061":{}}`, config.Backend{Target: "a"}, ``},
		{`{"\u0061":1}`, config.Backend{Deny: []string{"a"}}, ``},
		{many, config.Backend{Deny: []string{"a"}}, ``},
	} {
		s := newShape(&c.backend)
		answer := backend.NewRaw(func(out *bytes.Buffer) bool { return newCut(&c.backend, &s).apply(out, []byte(c.raw)) })
		got := ""
		if answer != nil {
			got = string(answer.Raw)
			if answer.Raw == nil && answer.Data != nil {
				got = "{}"
			}
		}
		if got != c.want {
			t.Errorf("%.60s: got %s, want %s", c.raw, got, c.want)
		}
	}
	for _, b := range []config.Backend{{Mapping: pairs("a=<b")}, {Proxy: config.BackendProxy{Flatmap: ops("del a")}}} {
		if s := newShape(&b); newCut(&b, &s) != nil {
			t.Errorf("%+v can't be cut", b)
		}
	}
}

// FuzzCut: what is cut is the same data as what is decoded and shaped.
func FuzzCut(f *testing.F) {
	f.Add(`{"a":{"b":1,"c":2},"d":[1]}`, "a.b d", "", "a=x", "g", "")
	f.Add(`{"a":{"b":1,"c":{}},"d":[1],"e":null}`, "", "a.c d.x", "e=d", "", "a.b")
	f.Add(`{"a":1,"a":{"b":2}}`, "a.b", "", "", "", "a")
	f.Add(`{"a" : "\u0062" , "": {"":1}}`, "", "a", "=a", "g", "")
	f.Fuzz(func(t *testing.T, raw, allow, deny, mapping, group, target string) {
		raw = strings.TrimSpace(raw)
		b := config.Backend{Allow: strings.Fields(allow), Deny: strings.Fields(deny), Mapping: pairs(mapping), Group: group, Target: target}
		if !strings.HasPrefix(raw, "{") || !scan.Valid([]byte(raw)) || !json.Valid([]byte(raw)) {
			return
		}
		s := newShape(&b)
		c := newCut(&b, &s)
		if c == nil || s.none() {
			return
		}
		answer := backend.NewRaw(func(out *bytes.Buffer) bool { return c.apply(out, []byte(raw)) })
		if answer == nil {
			return
		}
		want, err := json.Marshal(s.apply(decoded(t, []byte(raw))))
		if err != nil {
			t.Fatal(err)
		}
		if answer.Raw == nil {
			if string(want) != "{}" {
				t.Fatalf("%s becomes {}, want %s", raw, want)
			}
			return
		}
		if got := decoded(t, answer.Raw); !reflect.DeepEqual(got, decoded(t, want)) {
			t.Fatalf("%s becomes %s, want %s", raw, answer.Raw, want)
		}
	})
}

// FuzzJoin: what is joined is the same data as what is decoded and merged.
func FuzzJoin(f *testing.F) {
	f.Add(`{"a":1}`, `{"b":{"c":[]}}`)
	f.Add(`{"a":1}`, `{"a":2}`)
	f.Add(`{ "b" : 1 , "a":2 }`, `{"":0}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		var both [2]merged
		for _, text := range []string{first, second} {
			text = strings.TrimSpace(text)
			if len(text) < 2 || text[0] != '{' || len(strings.TrimSpace(text[1:len(text)-1])) == 0 || !scan.Valid([]byte(text)) || !json.Valid([]byte(text)) {
				return
			}
			both[0].add(backend.NewRaw(func(out *bytes.Buffer) bool { out.WriteString(text); return true }), nil)
			both[1].add(&backend.Answer{Data: decoded(t, []byte(text))}, nil)
		}
		got, err := both[0].result(2)
		if err != nil {
			t.Fatal(err)
		}
		want, err := both[1].result(2)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Decode(); err != nil || !reflect.DeepEqual(got.Data, want.Data) || got.Failed || want.Failed {
			t.Fatalf("%s and %s: got %v, %v, want %v", first, second, got.Data, err, want.Data)
		}
	})
}
