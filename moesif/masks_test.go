package moesif

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestCredentialsDoNotLeave(t *testing.T) {
	send := func(g *rig) wire.Event {
		call(g, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "sid=hunter2; Path=/")
			w.Header().Add("Set-Cookie", "b=hunter2")
			w.Header().Set("Location", "/next?token=hunter2")
		}, "GET", "/a?api_key=hunter2&n=1&Access_Token=hunter2",
			"Authorization", "Bearer hunter2", "Cookie", "a=hunter2", "X-Api-Key", "hunter2", "X-Mine", "hunter2", "X-Plain", "seen")
		return g.one(t)
	}
	masked := send(start(t, `"request_header_masks": ["x-mine"]`))
	if text := string(wire.AppendEvent(nil, &masked)); strings.Contains(text, "hunter2") {
		t.Errorf("left in clear: %s", text)
	}
	if got := masked.Request.URI; got != "http://example.com/a?api_key=*****&n=1&Access_Token=*****" {
		t.Errorf("uri %s", got)
	}
	if header(masked.Request.Headers, "X-Plain") != "seen" || header(masked.Request.Headers, "X-Mine") != "*****" {
		t.Errorf("headers %v", masked.Request.Headers)
	}

	plain := send(start(t, `"request_header_masks": ["x-mine"], "default_masks": false`))
	if header(plain.Request.Headers, "Cookie") != "a=hunter2" || header(plain.Request.Headers, "X-Mine") != "*****" ||
		!strings.Contains(plain.Request.URI, "api_key=hunter2") {
		t.Errorf("without default masks: %s %v", plain.Request.URI, plain.Request.Headers)
	}
}

func TestBodyMasksWorkOnEveryShape(t *testing.T) {
	long := `{"password":"hunter2","pad":"` + strings.Repeat("p", 200_000) + `"}`
	tests := []struct {
		name, contentType, encoding, body string
		want                              string // "" when it is not sent
		cut                               bool
	}{
		{"a value", "application/json", "", `{"password":"hunter2"}`, `{"password":"*****"}`, false},
		{"an object", "application/json", "", `{"PassWord":{"a":"hunter2"}}`, `{"PassWord":"*****"}`, false},
		{"in lists", "application/json", "", `[{"a":[{"password":["hunter2"]}]}]`, `[{"a":[{"password":"*****"}]}]`, false},
		{"a dotted name from the top", "application/json", "", `{"card":{"number":"hunter2"},"x":{"card":{"number":1}}}`, `{"card":{"number":"*****"},"x":{"card":{"number":1}}}`, false},
		{"compressed", "application/json", "gzip", `{"password":"hunter2"}`, `{"password":"*****"}`, false},
		{"a form", "application/x-www-form-urlencoded", "", "user[password]=hunter2&a=1", "user[password]=*****&a=1", false},
		{"the beginning of a long one", "application/json", "", long, `{"password":"*****","pad":"p`, true},
		{"text has no fields", "text/plain", "", "hunter2", "", false},
		{"an image has no fields", "image/png", "", "\x89PNG hunter2", "", false},
		{"broken JSON", "application/json", "", `{"password" "hunter2"}`, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, `"request_body_masks": ["password", "card.number"], "response_body_masks": ["password", "card.number"]`)
			body := []byte(tt.body)
			if tt.encoding == "gzip" {
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				if _, err := z.Write(body); err != nil {
					t.Fatal(err)
				}
				if err := z.Close(); err != nil {
					t.Fatal(err)
				}
				body = b.Bytes()
			}
			r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
			r.Header.Set("Content-Type", tt.contentType)
			r.Header.Set("Content-Encoding", tt.encoding)
			w := httptest.NewRecorder()
			g.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.Header().Set("Content-Encoding", tt.encoding)
				if _, err := io.Copy(w, r.Body); err != nil {
					t.Error(err)
				}
			})).ServeHTTP(w, r)
			if !bytes.Equal(w.Body.Bytes(), body) {
				t.Error("the client's bytes were touched")
			}
			e := g.one(t)
			for side, sent := range map[string]wire.Request{"request": e.Request, "response": {Body: e.Response.Body, TransferEncoding: e.Response.TransferEncoding}} {
				got := string(sent.Body)
				if sent.TransferEncoding == "base64" {
					got = string(fromBase64(t, sent.Body))
				}
				if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) || strings.Contains(got, "hunter2") || !tt.cut && got != tt.want {
					t.Errorf("%s: sent %.100s, want %.100s", side, got, tt.want)
				}
			}
			cut := gatemeter(t, e).Cut
			if want := []string{"request.body", "response.body"}; tt.cut && strings.Join(cut, " ") != strings.Join(want, " ") || !tt.cut && len(cut) > 0 {
				t.Errorf("cut %v", cut)
			}
		})
	}
}

func TestASmallLimitBoundsDecodedBytes(t *testing.T) {
	g := start(t, `"response_max_body_size": 1000`)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(bytes.Repeat([]byte("0"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	call(g, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(b.Bytes())
	}, "GET", "/")
	e := g.one(t)
	if n := len(fromBase64(t, e.Response.Body)); n != 1000 || len(gatemeter(t, e).Cut) != 1 {
		t.Errorf("sent %d bytes, cut %v", n, gatemeter(t, e).Cut)
	}
}
