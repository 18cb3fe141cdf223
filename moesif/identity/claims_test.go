package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// viaMap is the claim at path read the plain way: all claims decoded into a map.
func viaMap(text []byte, path string) (id string, found bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var claims map[string]any
	if !json.Valid(text) || d.Decode(&claims) != nil {
		return "", false
	}
	value, found := lookup(claims, path)
	id, _ = value.(string)
	return id, found
}

func viaScan(text []byte, path string) (id string, found bool) {
	value, found, _ := find(payload(nil, "h."+base64.RawURLEncoding.EncodeToString(text)+".s"), path)
	id, _ = asString(value)
	return id, found
}

func TestClaimsAreFoundAsInAMap(t *testing.T) {
	names := []string{"a", "b", "c", "a.b", "b.c", "a.b.c", "", ".", "a.", ".a", "é", "\ufffd"}
	var object func(t *rapid.T, depth int) string
	value := func(t *rapid.T, depth int) string {
		if depth > 0 && rapid.IntRange(0, 2).Draw(t, "nested") > 0 {
			return object(t, depth-1)
		}
		return rapid.SampledFrom([]string{`"x"`, `"y\u00e9\n"`, `"\ud800"`, "\"\xff\xfe\"", `7`, `1e999`, `null`, `["a",{"a":"b"}]`, `""`, `true`}).Draw(t, "value")
	}
	object = func(t *rapid.T, depth int) string {
		var members []string
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			key := fmt.Sprintf("%q", name)
			if rapid.Bool().Draw(t, "escaped") && name != "" {
				key = strings.Replace(key, "a", `\u0061`, 1)
			}
			if name == "\ufffd" {
				key = "\"\xff\""
			}
			members = append(members, key+" : "+value(t, depth))
		}
		return "{ " + strings.Join(members, ",") + "}"
	}
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(object(t, 4))
		path := rapid.SampledFrom(append(names, "a.b.c.a", "a..b", "c.a.b", "a.a.a")).Draw(t, "path")
		id, found := viaScan(text, path)
		if want, there := viaMap(text, path); id != want || found != there {
			t.Fatalf("%s in %s: got %q, %v; a map gives %q, %v", path, text, id, found, want, there)
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"a":{"b":"c"},"a.b":"d","a":1}`), "a.b")
	f.Add([]byte(` {"\u0061":"x\ud800"} `), "a")
	f.Add([]byte("{\"\xff\":\"\xfe\"}"), "\ufffd")
	f.Add([]byte(`null`), "")
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		path = strings.ToValidUTF8(path, "?") // it comes out of a JSON file
		if len(text) > maxToken/2 || !scan.Valid(text) && json.Valid(text) {
			return // nested too deep for this reader
		}
		id, found := viaScan(text, path)
		if want, there := viaMap(text, path); id != want || found != there {
			t.Fatalf("%q in %q: got %q, %v; a map gives %q, %v", path, text, id, found, want, there)
		}
	})
}
