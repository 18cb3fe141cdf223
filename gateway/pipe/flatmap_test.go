package pipe

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// ops reads "move a b; del c d".
func ops(text string) []config.FlatmapOp {
	var list []config.FlatmapOp
	for op := range strings.SplitSeq(text, ";") {
		words := strings.Fields(op)
		list = append(list, config.FlatmapOp{Type: words[0], Args: words[1:]})
	}
	return list
}

func TestFlatmapOperations(t *testing.T) {
	for _, c := range []struct{ ops, in, want string }{
		{"del a", `{"a":1,"b":2}`, `{"b":2}`},
		{"del a c.d no no.no b.x", `{"a":1,"b":2,"c":{"d":1,"e":2}}`, `{"b":2,"c":{"e":2}}`},
		{"del l.1", `{"l":[1,2,3]}`, `{"l":[1,3]}`},
		{"del l.3 l.-1 l.x", `{"l":[1,2,3]}`, `{"l":[1,2,3]}`},
		{"del l.*", `{"l":[1,2,3]}`, `{"l":[]}`},
		{"del l.*.a", `{"l":[{"a":1,"b":1},{"a":2},3]}`, `{"l":[{"b":1},{},3]}`},
		{"del l.*.*", `{"l":[[1,2],{"a":1},3]}`, `{"l":[[],{},3]}`},
		{"del *", `{"a":1,"b":2}`, `{}`},
		{"del o.*.x", `{"o":{"p":{"x":1,"y":2},"q":{"x":3}}}`, `{"o":{"p":{"y":2},"q":{}}}`},
		{"del m.0", `{"m":{"0":1,"1":2}}`, `{"m":{"1":2}}`},

		{"move a b", `{"a":1}`, `{"b":1}`},
		{"move a b", `{"a":1,"b":2}`, `{"b":1}`},
		{"move a.b c.d.e", `{"a":{"b":1},"c":{"x":1}}`, `{"a":{},"c":{"d":{"e":1},"x":1}}`},
		{"move no b", `{"a":1}`, `{"a":1}`},
		{"move a a.b", `{"a":1}`, `{"a":{"b":1}}`},
		{"move a.b a", `{"a":{"b":1,"c":2}}`, `{"a":1}`},
		{"move l.*.a l.*.b", `{"l":[{"a":1},{"c":2},{"a":3}]}`, `{"l":[{"b":1},{"c":2},{"b":3}]}`},
		{"move l.*.a.x l.*.y", `{"l":[{"a":{"x":1}},{"a":{"x":2}}]}`, `{"l":[{"a":{},"y":1},{"a":{},"y":2}]}`},
		{"move l.*.a m.*.a", `{"l":[{"a":1},{"a":2}]}`, `{"l":[{},{}],"m":[{"a":1},{"a":2}]}`},
		{"move o.*.a o.*.b", `{"o":{"x":{"a":1},"y":{"a":2}}}`, `{"o":{"x":{"b":1},"y":{"b":2}}}`},
		{"move o.*.a *", `{"o":{"x":{"a":1},"y":{"a":2}}}`, `{"o":{"x":{},"y":{}},"x":1,"y":2}`},
		{"move a.*.b.*.c a.*.d.*.e", `{"a":[{"b":[{"c":1},{"c":2}]},{"b":[{"c":3}]}]}`, `{"a":[{"b":[{},{}],"d":[{"e":1},{"e":2}]},{"b":[{}],"d":[{"e":3}]}]}`},
		{"move l.1 second", `{"l":[1,2,3]}`, `{"l":[1,3],"second":2}`},
		{"move a l.0", `{"a":9,"l":[1,2]}`, `{"l":[9,2]}`},
		{"move a l.7", `{"a":9,"l":[1,2]}`, `{"l":[1,2,9]}`},
		{"move a s.x", `{"a":9,"s":"text"}`, `{"s":{"x":9}}`},
		{"move a new.0", `{"a":9}`, `{"new":{"0":9}}`},
		{"move l.* m.*", `{"l":[1,2]}`, `{"l":[],"m":[1,2]}`},
		{"move a *", `{"a":1}`, `{"*":1}`},

		{"append a b", `{"a":[1],"b":[2,3]}`, `{"b":[2,3,1]}`},
		{"append a b", `{"a":[1]}`, `{"b":[1]}`},
		{"append a b", `{"a":1,"b":[2]}`, `{"a":1,"b":[2]}`},
		{"append a b", `{"a":[1],"b":2}`, `{"a":[1],"b":2}`},
		{"append no b", `{"b":[2]}`, `{"b":[2]}`},
		{"append o.*.l all", `{"o":{"x":{"l":[1]},"y":{"l":[2,3]},"z":{"l":4}}}`, `{"all":[1,2,3],"o":{"x":{},"y":{},"z":{"l":4}}}`},
		{"append l.*.a l.*.b", `{"l":[{"a":[1],"b":[2]},{"a":[3]}]}`, `{"l":[{"b":[2,1]},{"b":[3]}]}`},

		{"move a b; del c; append d b", `{"a":[1],"c":1,"d":[2]}`, `{"b":[1,2]}`},
	} {
		var data map[string]any
		if err := json.Unmarshal([]byte(c.in), &data); err != nil {
			t.Fatal(err)
		}
		newFlatmap(ops(c.ops)).apply(data)
		got, err := json.Marshal(data)
		if err != nil || string(got) != c.want {
			t.Errorf("%s of %s:\n got %s\nwant %s", c.ops, c.in, got, c.want)
		}
	}
}

// FuzzFlatmap: whatever backends say, operations end, and what they leave is data.
func FuzzFlatmap(f *testing.F) {
	f.Add("move", "a.*.b", "c.*.d", `{"a":[{"b":1}]}`)
	f.Add("append", "a", "a", `{"a":[1,2]}`)
	f.Add("del", "*.*", "*", `{"a":{"b":[1]}}`)
	f.Add("move", "a.*", "a.*.b", `{"a":[1,2,[3]]}`)
	f.Fuzz(func(t *testing.T, kind, from, to, text string) {
		var data map[string]any
		if kind != "del" && kind != "append" {
			kind = "move"
		}
		if json.Unmarshal([]byte(text), &data) != nil || data == nil || len(text) > 1000 {
			return
		}
		newFlatmap([]config.FlatmapOp{{Type: kind, Args: []string{from, to}}}).apply(data)
		if _, err := json.Marshal(data); err != nil {
			t.Fatal(err)
		}
	})
}
