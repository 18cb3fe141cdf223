package mask

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

const roomy = 100_000 // a limit that no test body reaches

// sent is what a reader of the event sees of a body.
type sent struct {
	text string
	enc  string
	cut  bool
	ok   bool
}

// failing is what a *testing.T and a *rapid.T have in common.
type failing interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func apply(t failing, m *Body, body []byte, contentType, contentEncoding string, limit int, truncated bool) sent {
	t.Helper()
	out, enc, cut, ok := m.Apply([]byte("before"), body, contentType, contentEncoding, limit, truncated)
	value, found := bytes.CutPrefix(out, []byte("before"))
	if !found {
		t.Fatalf("what was in dst is gone: %q", out)
	}
	if !ok {
		if len(value) > 0 || enc != "" {
			t.Fatalf("not to be sent, yet there is %q, %s", value, enc)
		}
		return sent{cut: cut}
	}
	if !json.Valid(value) {
		t.Fatalf("no JSON value: %q", value)
	}
	if enc == encodingJSON {
		return sent{string(value), enc, cut, true}
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil || enc != encodingBase64 {
		t.Fatalf("%s, transfer encoding %q: %v", value, enc, err)
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return sent{string(plain), enc, cut, true}
}

func TestMaskedBodies(t *testing.T) {
	names := []string{"Password", "card", "user.name", "a.b.c"}
	const js, form, lines = "application/json; charset=utf-8", "application/x-www-form-urlencoded", "application/x-ndjson"
	for _, c := range []struct{ name, contentType, body, want, enc string }{
		{"any depth, arrays, any case", js, `{"PASSWORD":"x","a":[{"passWord":1},[{"password":null}]],"b":"x"}`, `{"PASSWORD":"*****","a":[{"passWord":"*****"},[{"password":"*****"}]],"b":"x"}`, "json"},
		{"objects and arrays whole", js, `{"card":{"no":"1","cvc":[1,2]}, "password" : ["x",{}] }`, `{"card":"*****", "password" : "*****" }`, "json"},
		{"array at the top", js, `[{"card":1},2]`, `[{"card":"*****"},2]`, "json"},
		{"escaped key", js, `{"p\u0061ssword":"x","\u0050assword":2}`, `{"p\u0061ssword":"*****","\u0050assword":"*****"}`, "json"},
		{"dotted below another path", js, `{"x":{"user":{"name":1}},"user":{"x":{"name":1},"name":{"name":2}},"a":[{"b":[[{"c":1}],{"c":2}]},{"b":{"x":1},"c":3}]}`, `{"x":{"user":{"name":1}},"user":{"x":{"name":1},"name":"*****"},"a":[{"b":[[{"c":"*****"}],{"c":"*****"}]},{"b":{"x":1},"c":3}]}`, "json"},
		{"key in Latin-1", js, "{\"user\":1,\"p\xe4\":\"x\"}", "{\"user\":1,\"p\xe4\":\"*****\"}", "base64"},
		{"key that folds", js, `{"paſſword":"x"}`, `{"paſſword":"*****"}`, "json"},
		{"dotted from the top only", js, `{"user":{"name":"x"},"users":{"user":{"name":"y"}}}`, `{"user":{"name":"*****"},"users":{"user":{"name":"y"}}}`, "json"},
		{"dotted through lists", js, `{"user":[{"name":"x","n":{"name":1}},{"Name":"y"}]}`, `{"user":[{"name":"*****","n":{"name":1}},{"Name":"*****"}]}`, "json"},
		{"dotted as a literal key", js, `{"user.name":"x","a.b":{"c":1},"a":{"b.c":2,"b":{"c":3,"d":4}}}`, `{"user.name":"*****","a.b":{"c":"*****"},"a":{"b.c":"*****","b":{"c":"*****","d":4}}}`, "json"},
		{"twice the same key", js, `{"password":"x","password":"y"}`, `{"password":"*****","password":"*****"}`, "json"},
		{"name as a value", js, `{"a":"password","b":["card"]}`, `{"a":"password","b":["card"]}`, "json"},
		{"JSON in a string", js, `{"m":"{\"password\":\"x\",\"a\":\"\\n\"}","n":"\n[{\"card\":1}]","o":"{oh \"no\"}"}`, `{"m":"{\"password\":\"*****\",\"a\":\"\\n\"}","n":"\n[{\"card\":\"*****\"}]","o":"{oh \"no\"}"}`, "json"},
		{"JSON in a string, far in", js, `{"m":"` + strings.Repeat(`\n `, 50) + `{\"password\":\"x\"}"}`, `{"m":"` + strings.Repeat(`\n `, 50) + `{\"password\":\"*****\"}"}`, "json"},
		{"form with JSON, far in", form, "a=" + strings.Repeat("+", 100) + "{%22password%22:1}", "a=" + strings.Repeat("+", 100) + "%7B%22password%22%3A%22%2A%2A%2A%2A%2A%22%7D", "base64"},
		{"JSON under another type", "text/plain", ` {"password":"x"} `, `{"password":"*****"}`, "json"},
		{"byte order mark", js, "\ufeff{\"password\":1}", `{"password":"*****"}`, "json"},
		{"scalar of type JSON", js, `"x"`, `"x"`, "json"},
		{"not UTF-8", js, "{\"password\":\"x\",\"a\":\"\xff\"}", "{\"password\":\"*****\",\"a\":\"\xff\"}", "base64"},
		{"no float", js, `{"password":"x","a":1e999}`, `{"password":"*****","a":1e999}`, "base64"},
		{"JSON lines", lines, "{\"password\":1}\n{\"a\":2,\"card\":{}}\r\n\n3", "{\"password\":\"*****\"}\n{\"a\":2,\"card\":\"*****\"}\r\n\n3", "base64"},
		{"JSON sequence", "application/json-seq", "\x1e{\"password\":1}\n\x1e{\"card\":2}\n", "\x1e{\"password\":\"*****\"}\n\x1e{\"card\":\"*****\"}\n", "base64"},
		{"form", form, "a=1&Password=x&b=&p%61ssword=y&c", "a=1&Password=*****&b=&p%61ssword=*****&c", "base64"},
		{"form paths", form, "user[password]=x&user.password=y&password[0]=z&u%5Bpassword%5D[]=w&passwords=1", "user[password]=*****&user.password=*****&password[0]=*****&u%5Bpassword%5D[]=*****&passwords=1", "base64"},
		{"form in Latin-1", form, "p%E4ssword=x&%20password=y&user%5Bpassword+%5D=z", "p%E4ssword=*****&%20password=*****&user%5Bpassword+%5D=*****", "base64"},
		{"form with a line end", form, "a=1&password=x\r\n", "a=1&password=*****", "base64"},
		{"form dotted", form, "user[name]=x&user[0][name]=y&user.name.first=z&x.user.name=1&name=2", "user[name]=*****&user[0][name]=*****&user.name.first=*****&x.user.name=1&name=2", "base64"},
		{"form semicolons", form, "a=1;password=x;b=2&c=d;e", "a=1;password=*****&c=d;e", "base64"},
		{"form with JSON", form, "payload=%7B%22password%22%3A%22x%22%7D&b=[oops&c=%5B1%5D", "payload=%7B%22password%22%3A%22%2A%2A%2A%2A%2A%22%7D&b=*****&c=%5B1%5D", "base64"},
		{"form type, JSON body", form, `{"password":"a=b"}`, `{"password":"*****"}`, "json"},
		{"XML", "text/xml", `<?xml version="1.0"?><r xmlns:w="u"><w:Password a="1">x<b>y</b></w:Password><c card='1' d="&lt;2">t &amp; <![CDATA[<z>]]></c><!-- password --><card n="3"/></r>`,
			`<r xmlns:w="u"><w:Password a="*****">*****</w:Password><c card="*****" d="&lt;2">t &amp; <![CDATA[<z>]]></c><card n="*****"></card></r>`, "base64"},
		{"XML dotted, with and without the root", "application/soap+xml", `<a><user><name>x</name></user><name>y</name><b><c>1</c></b></a>`, `<a><user><name>*****</name></user><name>y</name><b><c>*****</c></b></a>`, "base64"},
		{"XML with JSON in it", "text/xml", `<r a='{"card":1}'><b>{"card": 2,"c":"&lt;"}</b><d><![CDATA[{"x":[1]}]]></d><e>{"card":<![CDATA["x"}]]></e><f>[1] of {2}</f></r>`,
			`<r a="{&quot;card&quot;:&quot;*****&quot;}"><b>{&quot;card&quot;: &quot;*****&quot;,&quot;c&quot;:&quot;&lt;&quot;}</b><d><![CDATA[{"x":[1]}]]></d><e>*****</e><f>*****</f></r>`, "base64"},
		{"multipart", `multipart/form-data; boundary=B`, "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"Password\"\r\nX-P: secret\r\n\r\nx\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\npassword\r\n--B\r\nContent-Disposition: form-data; name=\"j\"\r\nContent-Type: application/json\r\n\r\n{\"card\":1}\r\n--B--\r\nepilogue",
			"--B\r\nContent-Disposition: form-data; name=\"Password\"\r\n\r\n*****\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n" +
				"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\n*****\r\n--B\r\nContent-Disposition: form-data; name=\"j\"\r\nContent-Type: application/json\r\n\r\n{\"card\":\"*****\"}\r\n--B--\r\n", "base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := apply(t, New(names), []byte(c.body), c.contentType, "", roomy, false)
			if got != (sent{c.want, c.enc, false, true}) {
				t.Errorf("got  %+v\nwant %s %s", got, c.want, c.enc)
			}
		})
	}
}

func TestNamesThatCannotBeComparedHideTheirValues(t *testing.T) {
	m := New([]string{"päßwort"})
	const body = "{\"p\xe4\xdfwort\":\"x\",\"\xe4\":\"y\",\"id\":1}"
	const want = "{\"p\xe4\xdfwort\":\"*****\",\"\xe4\":\"*****\",\"id\":1}"
	if got := apply(t, m, []byte(body), "application/json", "", roomy, false); got != (sent{want, "base64", false, true}) {
		t.Errorf("got %+v", got)
	}
}

func TestBodiesThatAreNotSentWhenMasksAreSet(t *testing.T) {
	m := New([]string{"password"})
	for _, c := range []struct{ name, contentType, contentEncoding, body string }{
		{"plain text", "text/plain", "", `my password is x`},
		{"text that is a JSON scalar", "text/plain", "", `"x"`},
		{"scalar behind an object", "text/plain", "", `{} "x"`},
		{"binary", "application/octet-stream", "", "\x00\x01"},
		{"HTML", "text/html", "", `<p>x</p>`},
		{"broken JSON", "application/json", "", `{"password":x}`},
		{"JSON that ends too early", "application/json", "", `{"a":1,"password":"x`},
		{"JSON nested too deep", "application/json", "", strings.Repeat("[", 600) + strings.Repeat("]", 600)},
		{"JSON type, form body", "application/json", "", `password=x`},
		{"form type, broken JSON", "application/x-www-form-urlencoded", "", `{"password":"a=b`},
		{"form type, XML body", "application/x-www-form-urlencoded", "", `<password a="1">x</password>`},
		{"form type, quoted", "application/x-www-form-urlencoded", "", `%7B%22password%22%3A%22x%22%7D=`},
		{"form type, text", "application/x-www-form-urlencoded", "", `secret`},
		{"form type, multipart body", "application/x-www-form-urlencoded", "", "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--B--\r\n"},
		{"form type, a form in lines", "application/x-www-form-urlencoded", "", "a=1\r\npassword=x"},
		{"form type, XML behind a semicolon", "application/x-www-form-urlencoded", "", "<p>x;</p>=1"},
		{"form type, UTF-16", "application/x-www-form-urlencoded", "", "p\x00a\x00s\x00s\x00=\x00x\x00"},
		{"form without a type", "", "", `a=1&password=x`},
		{"form type of plain text", "text/plain", "", `a=1&password=x`},
		{"JSON type, XML body", "application/json", "", `<password>x</password>`},
		{"JSON with something behind it", "application/json", "", `{"a":1} password=x`},
		{"JSON behind a guard", "application/json", "", `)]}',{"a":1}`},
		{"JSON with a comment", "application/json", "", `{"a":1/*x*/}`},
		{"JSON in UTF-16", "application/json", "", "\xff\xfe{\x00\"\x00a\x00\"\x00:\x001\x00}\x00"},
		{"JSON in UTF-16 without a mark", "application/json", "", "\x00{\x00\"\x00a\x00\"\x00:\x001\x00}"},
		{"JSON lines, one broken", "application/x-ndjson", "", "{\"a\":1}\n{\"a\":x}\n{\"a\":1}"},
		{"JSONP", "application/javascript", "", `f({"a":1})`},
		{"events", "text/event-stream", "", "data: {\"password\":\"x\"}\n\n"},
		{"XML in UTF-16", "text/xml", "", "\xff\xfe<\x00a\x00/\x00>\x00"},
		{"XML in another encoding", "text/xml", "", `<?xml version="1.0" encoding="iso-8859-1"?><a/>`},
		{"XML with an unknown entity", "text/xml", "", `<a>&secret;</a>`},
		{"XML that does not match", "text/xml", "", `<a><password>x</a></password>`},
		{"XML not closed", "text/xml", "", `<a>`},
		{"XML with a document type", "text/xml", "", `<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`},
		{"XML without an element", "text/xml", "", `x`},
		{"multipart without a boundary", "multipart/form-data", "", `x`},
		{"multipart without an end", "multipart/form-data; boundary=B", "", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb"},
		{"multipart with two names", "multipart/form-data; boundary=B", "", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nb\r\n--B--\r\n"},
		{"other multipart", "multipart/mixed; boundary=B", "", "--B\r\n\r\nb\r\n--B--\r\n"},
		{"unknown coding", "application/json", "unknown", `{}`},
		{"not what the coding says", "application/json", "gzip", `{}`},
		{"zstd that is none", "application/json", "zstd", `{}`},
		{"coded without saying so", "application/json", "", "\x1f\x8b\x08"},
		{"coded too often", "application/json", "gzip, gzip, gzip, gzip", `{}`},
		{"nothing", "application/json", "", ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := apply(t, m, []byte(c.body), c.contentType, c.contentEncoding, roomy, false); got.ok || got.cut {
				t.Errorf("sent: %+v", got)
			}
		})
	}
}

func TestCutBodiesAreSentAsTheirMaskedBeginning(t *testing.T) {
	m := New([]string{"password"})
	for _, c := range []struct {
		name, contentType, body, want string
		ok                            bool
	}{
		{"JSON in a masked string", "application/json", `{"a":"b","password":"se`, `{"a":"b","password":"*****"`, true},
		{"JSON in a masked object", "application/json", `{"password":{"a":["x"],"b":"se`, `{"password":"*****"`, true},
		{"JSON in a masked number", "application/json", `{"password":12`, `{"password":"*****"`, true},
		{"JSON in a name", "application/json", `{"a":1,"pass`, `{"a":1,`, true},
		{"JSON behind a masked name", "application/json", `{"password": `, `{"password": `, true},
		{"JSON in a plain string", "application/json", `{"a":"plain te`, `{"a":"plain te`, true},
		{"JSON in a string that holds JSON", "application/json", `{"a":"{\"password\":\"x`, `{"a":"{\"password\":\"*****\""`, true},
		{"JSON that happens to be whole", "application/json", `{"password":1}`, `{"password":"*****"}`, true},
		{"JSON lines", "application/jsonl", "{\"password\":1}\n{\"password\":\"x", "{\"password\":\"*****\"}\n{\"password\":\"*****\"", true},
		{"form in a value", "application/x-www-form-urlencoded", `a=1&password=se`, `a=1&password=*****`, true},
		{"form in a name", "application/x-www-form-urlencoded", `a=1&pass`, `a=1`, true},
		{"form with JSON", "application/x-www-form-urlencoded", `a={"password":"se`, `a=%7B%22password%22%3A%22%2A%2A%2A%2A%2A%22`, true},
		{"broken JSON", "application/json", `{"a":x,"password":"se`, ``, false},
		{"XML", "text/xml", `<a>b`, ``, false},
		{"multipart", "multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--B--\r\n", ``, false},
		{"text", "text/plain", `plain`, ``, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := sent{c.want, "base64", true, c.ok}
			if !c.ok {
				want.enc = ""
			}
			if got := apply(t, m, []byte(c.body), c.contentType, "", roomy, true); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if got := apply(t, m, []byte(c.body+"&more"), c.contentType, "", len(c.body), false); got != want {
				t.Errorf("by the limit: got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestWithoutMasksEverythingIsSent(t *testing.T) {
	var none *Body
	for _, c := range []struct {
		name, contentType, contentEncoding, body string
		limit                                    int
		truncated                                bool
		want                                     sent
	}{
		{"JSON", "application/json", "", " {\"a\":\n1}\n", roomy, false, sent{"{\"a\":\n1}", "json", false, true}},
		{"JSON under any type", "", "", `[1]`, roomy, false, sent{`[1]`, "json", false, true}},
		{"text", "text/plain", "", `hello`, roomy, false, sent{`hello`, "base64", false, true}},
		{"binary", "image/png", "", "\x89PNG\x00", roomy, false, sent{"\x89PNG\x00", "base64", false, true}},
		{"broken JSON", "application/json", "", `{"a":`, roomy, false, sent{`{"a":`, "base64", false, true}},
		{"longer than the limit", "application/json", "", `[1,2,3]`, 4, false, sent{`[1,2`, "base64", true, true}},
		{"cut where it is JSON", "application/json", "", `12`, roomy, true, sent{`12`, "base64", true, true}},
		{"half a surrogate pair", "application/json", "", `["\ud800"]`, roomy, false, sent{`["\ud800"]`, "base64", false, true}},
		{"the other half", "application/json", "", `["\\ud800 \n \uDC00"]`, roomy, false, sent{`["\\ud800 \n \uDC00"]`, "base64", false, true}},
		{"a surrogate pair", "application/json", "", `["\\ud800 \ud83d\uDE00"]`, roomy, false, sent{`["\\ud800 \ud83d\uDE00"]`, "json", false, true}},
		{"unknown coding", "application/json", "unknown", `{}`, roomy, false, sent{`{}`, "json", false, true}},
		{"no body", "application/json", "", ``, roomy, false, sent{}},
		{"no room", "application/json", "", `{}`, 0, false, sent{cut: true}},
	} {
		if c.contentEncoding != "" { // bytes that nobody can read are not shown as JSON
			c.want.enc = "base64"
		}
		t.Run(c.name, func(t *testing.T) {
			if got := apply(t, none, []byte(c.body), c.contentType, c.contentEncoding, c.limit, c.truncated); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// encoders encode as the coding of that name; "raw deflate" is sent as deflate.
var encoders = map[string]func(io.Writer) io.WriteCloser{
	"gzip":        func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate":     func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"raw deflate": func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 5); return z },
	"zstd": func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		return z
	},
	"br": func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 1) },
}

func encode(t failing, coding string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := encoders[coding](&out)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestContentCodings(t *testing.T) {
	plain := []byte(`{"password":"x","a":"` + strings.Repeat("ab", 2000) + `"}`)
	masked := strings.Replace(string(plain), `"x"`, `"*****"`, 1)
	m := New([]string{"password"})
	for coding := range encoders {
		t.Run(coding, func(t *testing.T) {
			name := strings.TrimPrefix(coding, "raw ")
			body := encode(t, coding, plain)
			if got := apply(t, m, body, "application/json", strings.ToUpper(name), roomy, false); got != (sent{masked, "json", false, true}) {
				t.Errorf("masked: %+v", got)
			}
			if got := apply(t, nil, body, "application/json", name, roomy, false); got != (sent{string(plain), "json", false, true}) {
				t.Errorf("without masks: %+v", got)
			}
			got := apply(t, m, body, "application/json", name, 1000, false)
			if !got.ok || !got.cut || got.enc != "base64" || !strings.HasPrefix(got.text, masked[:900]) || len(got.text) > 1010 {
				t.Errorf("more than the limit: %+v", got)
			}
			got = apply(t, m, body[:len(body)-1], "application/json", name, roomy, true)
			if !got.cut || got.ok && got.text != masked[:len(got.text)] {
				t.Errorf("cut before its end: %+v", got)
			}
			if got = apply(t, m, body[:len(body)/2], "application/json", name, roomy, false); got.ok {
				t.Errorf("broken, yet sent: %+v", got)
			}
			got = apply(t, nil, body[:len(body)/2], "application/json", name, roomy, false)
			if got.text != string(body[:len(body)/2]) || got.enc != "base64" {
				t.Errorf("broken and without masks: %+v", got)
			}
		})
	}
	thrice := encode(t, "zstd", encode(t, "br", encode(t, "gzip", plain)))
	if got := apply(t, m, thrice, "application/json", "gzip, identity, BR ,zstd", roomy, false); got != (sent{masked, "json", false, true}) {
		t.Errorf("three codings: %+v", got)
	}
}

func TestASmallBodyThatDecodesToALotIsBounded(t *testing.T) {
	for coding := range encoders {
		if coding == "raw deflate" {
			continue
		}
		bomb := encode(t, coding, make([]byte, 2<<20))
		got := apply(t, nil, bomb, "application/octet-stream", coding, 1000, false)
		if !got.cut || len(got.text) != 1000 {
			t.Errorf("%s: %d bytes, cut %v", coding, len(got.text), got.cut)
		}
	}
}

func TestAWindowOfZstdIsBounded(t *testing.T) {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithWindowSize(4*maxWindow))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // of unknown length, so that the window is declared
		if _, err := z.Write([]byte(`[1,2,3]` + "\n")); err != nil {
			t.Fatal(err)
		}
		if err := z.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if got := apply(t, New([]string{"a"}), out.Bytes(), "application/json", "zstd", roomy, false); got.ok {
		t.Errorf("decoded: %+v", got)
	}
}

func TestMaskingJSONDoesNotAllocate(t *testing.T) {
	body := []byte(`{"user":{"name":"Ada","p\u0061ssword":"x"},"list":[1,2,3]}`)
	n := newNames([]string{"password", "user.name"})
	s := new(scratch) // the pool may drop it, under the race detector
	dst := make([]byte, 0, 4096)
	if allocs := testing.AllocsPerRun(100, func() {
		s.mask(n, body, "application/json", false)
		dst, _ = appendValue(dst[:0], s.masked, trim(s.masked), true)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestNoNamesIsNoMask(t *testing.T) {
	for _, list := range [][]string{nil, {}, {"", " "}} {
		if m := New(list); !m.Empty() || m != nil {
			t.Errorf("%q: %+v", list, m)
		}
	}
}
