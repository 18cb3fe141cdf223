package mask

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"

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
	switch rapid.IntRange(0, 8).Draw(t, "type") {
	case 6: // JSON as text inside of another kind
		writeJSON(t, &out, fields)
		inner := out.String()
		return drawWrapped(t, inner)
	case 7: // JSON with something behind it, or under it
		writeJSON(t, &out, fields)
		out.WriteString(rapid.SampledFrom([]string{"x", "}", " {\"password\":\"Z\"", ",", "\x00", "// Z"}).Draw(t, "garbage"))
		return out.Bytes(), rapid.SampledFrom([]string{"application/json", "text/plain", ""}).Draw(t, "json")
	case 8: // not in UTF-8, or marked as if
		writeJSON(t, &out, fields)
		return inOtherEncoding(t, out.String()), "application/json"
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

// drawWrapped draws a body in which a JSON text is the value of one plain field.
func drawWrapped(t *rapid.T, inner string) ([]byte, string) {
	var out bytes.Buffer
	switch rapid.IntRange(0, 4).Draw(t, "around") {
	case 0:
		writeJSON(t, &out, []field{{"id", []any{inner}}})
		return out.Bytes(), "application/json"
	case 1:
		return []byte("id=1&name=" + url.QueryEscape(inner)), "application/x-www-form-urlencoded"
	case 2:
		return []byte("<r><name>" + xmlEscapes.Replace(inner) + "</name></r>"), "text/xml"
	case 3:
		return []byte(`<r name="` + xmlEscapes.Replace(inner) + `"><![CDATA[` + strings.ReplaceAll(inner, "]]>", "") + "]]></r>"), "text/xml"
	}
	return []byte("--b0undary\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n" + inner + "\r\n--b0undary--\r\n"), "multipart/form-data; boundary=b0undary"
}

// inOtherEncoding returns text in UTF-16 or UTF-32, or with a mark of UTF-8.
func inOtherEncoding(t *rapid.T, text string) []byte {
	units := utf16.Encode([]rune(text))
	mark := rapid.Bool().Draw(t, "mark")
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var out []byte
	switch rapid.IntRange(0, 3).Draw(t, "encoding") {
	case 0:
		for _, u := range units {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
	case 1:
		for _, u := range units {
			out = binary.BigEndian.AppendUint16(out, u)
		}
	case 2:
		for _, r := range text {
			out = binary.LittleEndian.AppendUint32(out, uint32(r))
		}
	default:
		return []byte("\ufeff" + text)
	}
	return out
}

// mistype draws another content type than the right one.
func mistype(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "text/plain", "application/json", "application/x-www-form-urlencoded", "text/xml", "application/octet-stream",
		"multipart/form-data; boundary=b0undary", "multipart/form-data", "multipart/mixed; boundary=b0undary", "text/html", "application/x-ndjson", "nonsense"}).Draw(t, "mistype")
}
