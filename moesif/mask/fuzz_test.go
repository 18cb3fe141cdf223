package mask

import (
	"encoding/json"
	"encoding/xml"
	"mime/multipart"
	"strings"
	"testing"
)

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"password":"Z","a":[{"p\u0061ssword":{"b":"Z"}}]}`), "application/json", "", 40, true)
	f.Add([]byte("{\"password\":1}\n[2]"), "application/x-ndjson", "", 10, false)
	f.Add([]byte("a=1&user[password]=x;b&c=%7B%22a%22%3A1%7D"), "application/x-www-form-urlencoded", "", 100, true)
	f.Add([]byte(`<?xml version="1.0"?><a b="c"><password>x</password><![CDATA[d]]></a>`), "text/xml", "", 100, false)
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--B--\r\n"), "multipart/form-data; boundary=B", "", 100, false)
	f.Add(encode(f, "gzip", []byte(`{"password":"x"}`)), "application/json", "gzip", 100, false)
	f.Add(encode(f, "br", []byte(`{"password":"x"}`)), "application/json", "br", 100, true)
	f.Add(encode(f, "zstd", []byte(`{"password":"x"}`)), "application/json", "zstd", 100, true)
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

// FuzzForm, FuzzXML and FuzzMultipart give each parser a field that must be
// masked, between parts that nobody has foreseen.
func FuzzForm(f *testing.F) {
	f.Add("a=1&", "&b=2")
	f.Add("a=%7B", ";c")
	f.Add("x[", "]=1&y")
	m := New([]string{"password"})
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+after, secretLetter) {
			return
		}
		got := apply(t, m, []byte(before+"&password=ZZ&"+after), "application/x-www-form-urlencoded", "", 1<<16, false)
		assertNoSecret(t, []byte(before), got)
	})
}

func FuzzXML(f *testing.F) {
	f.Add("<a b='c'>", "</a>")
	f.Add("<a><![CDATA[", "]]></a>")
	f.Add("<a><!--", "--></a>")
	f.Add("<n:a xmlns:n='u'><?p ?>{", "}</n:a>")
	m := New([]string{"password"})
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+after, secretLetter) {
			return
		}
		const secret = `<password a="Z">ZZ</password>`
		d := xml.NewDecoder(strings.NewReader(before + secret + after))
		seen := false // the secret is an element, not a part of text or of another tag
		for {
			token, err := d.RawToken()
			if err != nil {
				break
			}
			start, ok := token.(xml.StartElement)
			seen = seen || ok && start.Name.Local == "password" && len(start.Attr) == 1 && start.Attr[0].Value == "Z"
		}
		got := apply(t, m, []byte(before+secret+after), "application/xml", "", 1<<16, false)
		if seen {
			assertNoSecret(t, []byte(before+secret+after), got)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	f.Add("", "Content-Type: text/plain\r\n", "")
	f.Add("--B\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n", "X: y\r\n", "\r\n--B\r\n\r\n")
	m := New([]string{"password"})
	f.Fuzz(func(t *testing.T, before, header, after string) {
		if strings.Contains(before+header+after, secretLetter) {
			return
		}
		body := before + "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n" + header + "\r\nZZ\r\n--B" + after
		r := multipart.NewReader(strings.NewReader(body), "B")
		for {
			part, err := r.NextRawPart()
			if err != nil {
				return // the field is not read as one
			}
			if part.FormName() == "password" {
				break
			}
		}
		assertNoSecret(t, []byte(body), apply(t, m, []byte(body), "multipart/form-data; boundary=B", "", 1<<16, false))
	})
}

func FuzzCodings(f *testing.F) {
	for coding := range encoders {
		f.Add(encode(f, coding, []byte(`{"password":"x"}`)), strings.TrimPrefix(coding, "raw "), 100, false)
		f.Add(encode(f, coding, make([]byte, 100_000)), strings.TrimPrefix(coding, "raw "), 1000, true)
	}
	f.Fuzz(func(t *testing.T, body []byte, coding string, limit int, truncated bool) {
		limit = min(max(limit, 1), 1<<16)
		plain, cut, err := inflate(nil, body, codings(coding), limit, truncated)
		if len(plain) > limit || err == nil && len(plain) < limit && cut && !truncated {
			t.Fatalf("%d bytes, limit %d, cut %v", len(plain), limit, cut)
		}
	})
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
