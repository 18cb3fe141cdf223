package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNoPlantedSecretLeaves(t *testing.T) {
	m := New(maskedNames)
	rapid.Check(t, func(t *rapid.T) {
		body, contentType := drawBody(t)
		coding := rapid.SampledFrom([]string{"", "", "", "", "", "gzip", "deflate", "br", "zstd", "br, gzip", "zstd, zstd"}).Draw(t, "coding")
		whole := body
		for applied := range strings.SplitSeq(coding, ", ") {
			if applied != "" {
				body = encode(t, applied, body)
			}
		}
		got := apply(t, m, body, contentType, coding, roomy, false)
		assertNoSecret(t, whole, got)
		if !got.ok && contentType == "application/json" && json.Valid(whole) {
			t.Fatalf("not sent: %s", whole)
		}
		assertNoSecret(t, whole, apply(t, m, body, mistype(t), coding, roomy, false))
		assertNoSecret(t, whole, apply(t, m, body, contentType, "", roomy, false))
		for range 4 {
			end := rapid.IntRange(0, len(body)).Draw(t, "end")
			assertNoSecret(t, whole, apply(t, m, body[:end], contentType, coding, roomy, true))
			assertNoSecret(t, whole, apply(t, m, body[:end], contentType, coding, roomy, false))
			assertNoSecret(t, whole, apply(t, m, body, contentType, coding, rapid.IntRange(1, len(whole)+1).Draw(t, "limit"), false))
		}
	})
}

func TestNoCutLeaksASecret(t *testing.T) {
	const (
		object = `{"a":[1,{"pa\u0073sword":{"b":["Z","Z\n",{"password":"Z"}]},"c":"{\"password\":\"Z\"}"}],"user":{"name" : "Z"},"PASSWORD":"Z\"Z","e":"\u007b\"p\\u0061ssword\":\"Z\\\u006eZ\"}","d":-1.5e3}`
		form   = `a=1&password=Z;Z&user[name]=Z&b=%7B%22p\u0061ssword%22%3A%22Z%22%7D&c=2;password=Z;Z&u%5BPassword%5D=Z&d=x`
	)
	m := New([]string{"password", "user.name"})
	for _, c := range []struct{ contentType, coding, body string }{
		{"application/json", "", object},
		{"application/x-ndjson", "", object + "\n" + object + "\r\n\n" + object},
		{"application/x-www-form-urlencoded", "", form},
		{"application/json", "gzip", object},
		{"application/x-www-form-urlencoded", "deflate", form},
		{"application/json", "br", object},
		{"application/json", "zstd", object},
		{"text/xml", "", `<a b='{"password":"Z"}'>{"password":"Z"}<![CDATA[{"user":{"name":"Z"}]]><password>Z</password><user name="Z"/></a>`},
		{"multipart/form-data; boundary=B", "", "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nZ\r\n--B--\r\n"},
	} {
		body := []byte(c.body)
		if c.coding != "" {
			body = encode(t, c.coding, body)
		}
		for end := range len(body) + 1 {
			assertNoSecret(t, body, apply(t, m, body[:end], c.contentType, c.coding, roomy, true))
			assertNoSecret(t, body, apply(t, m, body[:end], c.contentType, c.coding, roomy, false))
		}
		for limit := range len(c.body) + 2 {
			assertNoSecret(t, body, apply(t, m, body, c.contentType, c.coding, limit, false))
		}
	}
}

func assertNoSecret(t failing, body []byte, got sent) {
	if strings.Contains(got.text, secretLetter) {
		t.Fatalf("leaked from\n%s\ninto\n%s", body, got.text)
	}
	for _, run := range base64Runs.FindAllString(got.text, -1) {
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if plain, err := encoding.DecodeString(run); err == nil && bytes.Contains(plain, []byte(secretLetter+secretLetter)) {
				t.Fatalf("leaked in base64 from\n%s\ninto\n%s", body, got.text)
			}
		}
	}
}

// base64Runs are what may be base64 of more than a few bytes.
var base64Runs = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`)

func TestMaskedJSONIsTheSameButForMaskedValues(t *testing.T) {
	m := New(maskedNames)
	rapid.Check(t, func(t *rapid.T) {
		fields := drawFields(t, 5, false)
		var out bytes.Buffer
		writeJSON(t, &out, fields)
		got := apply(t, m, out.Bytes(), "application/json", "", roomy, false)
		var have any
		if err := json.Unmarshal([]byte(got.text), &have); err != nil {
			t.Fatalf("%v: %s", err, got.text)
		}
		if want := model(fields); !reflect.DeepEqual(have, want) {
			t.Fatalf("got  %v\nwant %v\nfrom %s", have, want, out.String())
		}
	})
}

// model is the value that masking should leave of v.
func model(v any) any {
	switch v := v.(type) {
	case []field:
		object := map[string]any{}
		for _, f := range v {
			object[f.name] = model(f.value)
			for _, name := range maskedNames {
				if strings.EqualFold(name, f.name) {
					object[f.name] = Masked
				}
			}
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = model(v[i])
		}
		return list
	case json.Number:
		f, _ := v.Float64()
		return f
	}
	return v
}
