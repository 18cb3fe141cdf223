package moesif

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// post sends a body of known length, or chunked.
func post(t *testing.T, s *httptest.Server, body string, chunked bool) string {
	t.Helper()
	var in io.Reader = strings.NewReader(body)
	if chunked {
		in = io.MultiReader(in) // hides the length
	}
	resp, err := s.Client().Post(s.URL, "application/json", in)
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, resp)
}

func TestARequestBodyIsKeptAsItIsRead(t *testing.T) {
	large := `{"pad":"` + strings.Repeat("x", 200_000) + `"}`
	readWhole := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	}
	tests := []struct {
		name    string
		body    string
		chunked bool
		handler http.HandlerFunc
		want    string // "" when none is sent, "…" when it is the beginning
		length  int64
		cut     bool
	}{
		{"whole", `{"a":1}`, false, readWhole, `{"a":1}`, 7, false},
		{"whole, chunked", `{"a":1}`, true, readWhole, `{"a":1}`, 7, false},
		{"decoded", `{"a":1}`, false, func(_ http.ResponseWriter, r *http.Request) {
			if err := json.NewDecoder(r.Body).Decode(new(any)); err != nil {
				t.Error(err)
			}
		}, `{"a":1}`, 7, false},
		{"none", "", false, readWhole, "", 0, false},
		{"not read", `{"a":1}`, false, func(http.ResponseWriter, *http.Request) {}, "", 7, false},
		{"read in part", `{"a":1}`, false, func(_ http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadFull(r.Body, make([]byte, 3)); err != nil {
				t.Error(err)
			}
		}, `{"a…`, 7, true},
		{"longer than is kept", large, false, readWhole, large[:100_000] + "…", int64(len(large)), true},
		{"longer than is kept, chunked", large, true, readWhole, large[:100_000] + "…", int64(len(large)), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, `"default_masks": false`)
			s := g.serve(tt.handler)
			got := post(t, s, tt.body, tt.chunked)
			if got != "" && got != tt.body {
				t.Errorf("the handler read %d other bytes", len(got))
			}
			e := g.one(t)
			if tt.body != "" && e.Request.ContentLength != tt.length {
				t.Errorf("length %d, want %d", e.Request.ContentLength, tt.length)
			}
			sent, encoding := string(e.Request.Body), ""
			if beginning, isCut := strings.CutSuffix(tt.want, "…"); isCut {
				sent, encoding = string(fromBase64(t, e.Request.Body)), "base64"
				tt.want = beginning
			}
			if sent != tt.want || (encoding == "base64") != (e.Request.TransferEncoding == "base64") {
				t.Errorf("sent %.80s (%s), want %.80s", sent, e.Request.TransferEncoding, tt.want)
			}
			cut := gatemeter(t, e).Cut
			if isCut := len(cut) > 0 && cut[0] == "request.body"; isCut != tt.cut {
				t.Errorf("cut %v, want %v", cut, tt.cut)
			}
		})
	}
}

func fromBase64(t *testing.T, value json.RawMessage) []byte {
	t.Helper()
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		t.Fatalf("%v in %.80s", err, value)
	}
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWithoutLogBodyNoneIsSent(t *testing.T) {
	g := start(t, `"log_body": false`)
	post(t, g.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })), `{"a":1}`, true)
	e := g.one(t)
	if e.Request.Body != nil || e.Response.Body != nil {
		t.Errorf("sent %s and %s", e.Request.Body, e.Response.Body)
	}
	if e.Request.ContentLength != 7 || e.Response.ContentLength != 7 || len(gatemeter(t, e).Cut) > 0 {
		t.Errorf("lengths %d and %d, cut %v", e.Request.ContentLength, e.Response.ContentLength, gatemeter(t, e).Cut)
	}
}

func TestABodyMayBeReadBehindTheAnswer(t *testing.T) {
	g := start(t, "")
	in, out := io.Pipe()
	read := make(chan int64)
	handler := g.Capture(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		go func() {
			n, _ := io.Copy(io.Discard, r.Body)
			read <- n
		}()
	}))
	answered := make(chan struct{})
	go func() {
		for i := range 1000 {
			if i == 500 {
				<-answered // some before, some after
			}
			_, _ = out.Write([]byte("hello"))
		}
		_ = out.Close()
	}()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", in))
	close(answered)
	e := g.one(t)
	if n := <-read; n != 999*5 {
		t.Errorf("read %d bytes behind the answer", n)
	}
	if len(fromBase64(t, e.Request.Body))%5 != 0 || len(gatemeter(t, e).Cut) != 1 {
		t.Errorf("sent %.80s, cut %v", e.Request.Body, gatemeter(t, e).Cut)
	}
}

func TestNoBodyStaysNoBody(t *testing.T) {
	g := start(t, "")
	get(t, g.serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			t.Errorf("a request without a body got %T", r.Body)
		}
	})), "/")
}

func TestFilesOfAFormAreRemovedByTheServer(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	g := start(t, "")
	s := g.serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("%d files, %v", len(files), err)
		}
	}))
	var body bytes.Buffer
	fmt.Fprintf(&body, "--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n%s\r\n--b--\r\n", strings.Repeat("x", 11<<20))
	resp, err := s.Client().Post(s.URL, "multipart/form-data; boundary=b", &body)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, resp)
	g.one(t)
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
}
