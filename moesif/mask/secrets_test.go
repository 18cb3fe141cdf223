package mask

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// Everything below a masked name holds the letter Z, and nothing else does: one
// Z downstream, even of a secret that was cut, is a leak.
const secretLetter = "Z"

var maskedNames = []string{"password", "CreditCard", "konto_nummer", "päßwort"}

// plainNames are other names; some only resemble masked ones.
var plainNames = []string{"id", "name", "passwords", "xpassword", "password ", "card", "konto nummer", "", "items", "ä"}

// field is a member of an object.
type field struct {
	name  string
	value any // string, json.Number, bool, nil, []any or []field
}

// document draws an object of nested values with secrets planted in it.
func drawFields(t *rapid.T, depth int, secret bool) []field {
	fields := make([]field, rapid.IntRange(0, 4).Draw(t, "fields"))
	for i := range fields {
		masked := rapid.Bool().Draw(t, "masked")
		name := rapid.SampledFrom(plainNames).Draw(t, "name")
		if masked {
			name = oddCase(t, rapid.SampledFrom(maskedNames).Draw(t, "name"))
		}
		fields[i] = field{name, drawValue(t, depth-1, secret || masked)}
	}
	return fields
}

func drawValue(t *rapid.T, depth int, secret bool) any {
	kinds := 6
	if depth <= 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 1:
		if !secret { // a number cannot hold the letter
			return json.Number(rapid.SampledFrom([]string{"0", "-12.5", "3e4"}).Draw(t, "number"))
		}
	case 2:
		if !secret {
			return rapid.SampledFrom([]any{true, false, nil}).Draw(t, "literal")
		}
	case 4:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range list {
			list[i] = drawValue(t, depth-1, secret)
		}
		return list
	case 5:
		return drawFields(t, depth-1, secret)
	}
	text := rapid.StringMatching(`[a-y "\\/\n&=;<>{}\[\]:,é😀]{0,12}`).Draw(t, "text")
	if secret {
		return secretLetter + text + secretLetter
	}
	return text
}

func oddCase(t *rapid.T, name string) string {
	return strings.Map(func(r rune) rune {
		if rapid.Bool().Draw(t, "upper") {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, name)
}

// writeJSON writes v as JSON, with escapes and white space nobody expects.
func writeJSON(t *rapid.T, out *bytes.Buffer, v any) {
	switch v := v.(type) {
	case []field:
		out.WriteString("{" + blank(t))
		for i, f := range v {
			if i > 0 {
				out.WriteString("," + blank(t))
			}
			writeString(t, out, f.name)
			out.WriteString(blank(t) + ":" + blank(t))
			writeJSON(t, out, f.value)
		}
		out.WriteString(blank(t) + "}")
	case []any:
		out.WriteString("[" + blank(t))
		for i, e := range v {
			if i > 0 {
				out.WriteString("," + blank(t))
			}
			writeJSON(t, out, e)
		}
		out.WriteString("]" + blank(t))
	case string:
		writeString(t, out, v)
	default:
		fmt.Fprint(out, string(must(json.Marshal(v))))
	}
}

func blank(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "blank")
}

func writeString(t *rapid.T, out *bytes.Buffer, s string) {
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case r < 0x20, r < 0x80 && r != 'Z' && rapid.IntRange(0, 9).Draw(t, "escape") == 0:
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// writeForm writes the fields as a form, nested ones as a[b] or a.b.
func writeForm(t *rapid.T, out *bytes.Buffer, prefix string, v any) {
	switch v := v.(type) {
	case []field:
		for _, f := range v {
			name := f.name
			if prefix != "" {
				name = rapid.SampledFrom([]string{prefix + "[" + name + "]", prefix + "." + name}).Draw(t, "path")
			}
			writeForm(t, out, name, f.value)
		}
	case []any:
		for i, e := range v {
			writeForm(t, out, rapid.SampledFrom([]string{prefix + "[]", fmt.Sprintf("%s[%d]", prefix, i)}).Draw(t, "index"), e)
		}
	default:
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(url.QueryEscape(prefix) + "=" + url.QueryEscape(fmt.Sprint(v)))
	}
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "\n", "&#10;")

// writeXML writes the value of an element, some fields as attributes.
func writeXML(t *rapid.T, out *bytes.Buffer, name string, v any) {
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || r == '_' {
			return r
		}
		return -1
	}, name)
	if name == "" {
		name = "e"
	}
	name = rapid.SampledFrom([]string{"", "ns:"}).Draw(t, "prefix") + name
	out.WriteString("<" + name)
	switch v := v.(type) {
	case []field:
		out.WriteString(">" + blank(t))
		for _, f := range v {
			writeXML(t, out, f.name, f.value)
		}
	case []any:
		out.WriteString(">")
		for _, e := range v {
			writeXML(t, out, "item", e)
		}
	default:
		text := xmlEscapes.Replace(fmt.Sprint(v))
		if rapid.Bool().Draw(t, "attribute") {
			out.WriteString(` value="` + text + `"/>`)
			return
		}
		out.WriteString(">" + text)
	}
	out.WriteString("</" + name + ">")
}

func writeMultipart(t *rapid.T, out *bytes.Buffer, fields []field) string {
	w := multipart.NewWriter(out)
	for _, f := range fields {
		text, plain := f.value.(string)
		if !plain {
			var value bytes.Buffer
			writeJSON(t, &value, f.value)
			text = value.String()
		}
		if err := w.WriteField(f.name, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType()
}

// drawBody draws a body with secrets in it, and its content type.
func drawBody(t *rapid.T) ([]byte, string) {
	var out bytes.Buffer
	fields := drawFields(t, 5, false)
	switch rapid.IntRange(0, 5).Draw(t, "type") {
	case 0:
		writeJSON(t, &out, fields)
		return out.Bytes(), rapid.SampledFrom([]string{"application/json", "application/problem+json; charset=utf-8", "text/plain", ""}).Draw(t, "json")
	case 1:
		writeJSON(t, &out, []any{fields, drawFields(t, 3, false)})
		return out.Bytes(), "application/json"
	case 2:
		for range rapid.IntRange(1, 3).Draw(t, "lines") {
			writeJSON(t, &out, drawFields(t, 3, false))
			out.WriteString("\n")
		}
		return out.Bytes(), "application/x-ndjson"
	case 3:
		writeForm(t, &out, "", fields)
		return out.Bytes(), "application/x-www-form-urlencoded"
	case 4:
		writeXML(t, &out, "root", fields)
		return out.Bytes(), "application/xml"
	}
	contentType := writeMultipart(t, &out, fields)
	// The boundary is random: no secret letter may come from it.
	boundary := strings.TrimPrefix(contentType, "multipart/form-data; boundary=")
	return bytes.ReplaceAll(out.Bytes(), []byte(boundary), []byte("b0undary")), "multipart/form-data; boundary=b0undary"
}

func TestNoPlantedSecretLeaves(t *testing.T) {
	m := New(maskedNames)
	rapid.Check(t, func(t *rapid.T) {
		body, contentType := drawBody(t)
		coding := rapid.SampledFrom([]string{"", "", "", "", "", "gzip", "deflate", "br"}).Draw(t, "coding")
		whole := body
		if coding != "" {
			body = encode(t, coding, body)
		}
		got := apply(t, m, body, contentType, coding, roomy, false)
		assertNoSecret(t, whole, got)
		if !got.ok && len(whole) > 0 && contentType == "application/json" {
			t.Fatalf("not sent: %s", whole)
		}
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
		object = `{"a":[1,{"pa\u0073sword":{"b":["Z","Z\n",{"password":"Z"}]},"c":"{\"password\":\"Z\"}"}],"user":{"name" : "Z"},"PASSWORD":"Z\"Z","d":-1.5e3}`
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
		{"text/xml", "", `<a><password>Z</password><user name="Z"/></a>`},
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
}

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

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"password":"Z","a":[{"p\u0061ssword":{"b":"Z"}}]}`), "application/json", "", 40, true)
	f.Add([]byte("{\"password\":1}\n[2]"), "application/x-ndjson", "", 10, false)
	f.Add([]byte("a=1&user[password]=x;b&c=%7B%22a%22%3A1%7D"), "application/x-www-form-urlencoded", "", 100, true)
	f.Add([]byte(`<?xml version="1.0"?><a b="c"><password>x</password><![CDATA[d]]></a>`), "text/xml", "", 100, false)
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--B--\r\n"), "multipart/form-data; boundary=B", "", 100, false)
	f.Add(encode(f, "gzip", []byte(`{"password":"x"}`)), "application/json", "gzip", 100, false)
	f.Add(encode(f, "br", []byte(`{"password":"x"}`)), "application/json", "br", 100, true)
	f.Add(encode(f, "deflate", []byte(`{"password":"x"}`)), "application/json", "deflate", 5, true)
	m := New([]string{"password", "a.b"})
	f.Fuzz(func(t *testing.T, body []byte, contentType, coding string, limit int, truncated bool) {
		limit = min(limit, 1<<16)
		apply(t, nil, body, contentType, coding, limit, truncated)
		got := apply(t, m, body, contentType, coding, limit, truncated)
		if !got.ok || got.enc != encodingJSON {
			return
		}
		var v any
		if err := json.Unmarshal([]byte(got.text), &v); err != nil {
			t.Fatalf("%v: %s", err, got.text)
		}
		assertMasked(t, v)
	})
}

// assertMasked fails when a field called password has a value left.
func assertMasked(t *testing.T, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if strings.EqualFold(name, "password") && value != Masked {
				t.Fatalf("%q is %v", name, value)
			}
			assertMasked(t, value)
		}
	case []any:
		for _, e := range v {
			assertMasked(t, e)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("https://u:p@h/?a=b&token=x;c#id_token=y")
	q := NewQuery([]string{"token"})
	f.Fuzz(func(t *testing.T, uri string) {
		once := q.URI(uri)
		if twice := q.URI(once); twice != once {
			t.Fatalf("%q becomes %q, then %q", uri, once, twice)
		}
	})
}
