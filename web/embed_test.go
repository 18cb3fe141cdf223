package web

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var script = strings.Repeat("console.log('gatemeter');\n", 100)

func built() fstest.MapFS {
	return fstest.MapFS{
		"site/placeholder/index.html":       {Data: []byte("<p>placeholder</p>")},
		"site/console/index.html":           {Data: []byte("<p>console</p>")},
		"site/console/assets/app-1a2b.js":   {Data: []byte(script)},
		"site/console/assets/app-1a2b.css":  {Data: []byte("a{}")},
		"site/console/assets/f-1a2b.woff2":  {Data: []byte("wOF2")},
		"site/console/favicon.svg":          {Data: []byte("<svg/>")},
		"site/console/assets/.hidden-thing": {Data: []byte("no")},
	}
}

func get(t *testing.T, h http.Handler, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAddressesAreAnsweredWithTheRightFile(t *testing.T) {
	h := newSite(console(built()))
	tests := []struct {
		target, body, contentType, cache string
		status                           int
	}{
		{"/", "<p>console</p>", "text/html; charset=utf-8", "no-cache", 200},
		{"/index.html", "<p>console</p>", "text/html; charset=utf-8", "no-cache", 200},
		{"/customers/acme", "<p>console</p>", "text/html; charset=utf-8", "no-cache", 200},
		{"/customers/acme.example", "<p>console</p>", "text/html; charset=utf-8", "no-cache", 200},
		{"/../../etc/passwd", "<p>console</p>", "text/html; charset=utf-8", "no-cache", 200},
		{"/assets/app-1a2b.js", script, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/assets/app-1a2b.css", "a{}", "text/css; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/assets/f-1a2b.woff2", "wOF2", "font/woff2", "public, max-age=31536000, immutable", 200},
		{"/favicon.svg", "<svg/>", "image/svg+xml", "no-cache", 200},
		{"/assets/app-0000.js", "", "", "", 404},
		{"/assets/.hidden-thing", "", "", "", 404},
		{"/missing.js", "", "", "", 404},
	}
	for _, tt := range tests {
		t.Run(tt.target, func(t *testing.T) {
			res := get(t, h, tt.target)
			if res.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", res.StatusCode, tt.status)
			}
			if tt.status != 200 {
				return
			}
			if got := body(t, res); got != tt.body {
				t.Errorf("body %q, want %q", got, tt.body)
			}
			if got := res.Header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type %q, want %q", got, tt.contentType)
			}
			if got := res.Header.Get("Cache-Control"); got != tt.cache {
				t.Errorf("Cache-Control %q, want %q", got, tt.cache)
			}
			if !strings.Contains(res.Header.Get("Content-Security-Policy"), "script-src 'self';") {
				t.Errorf("Content-Security-Policy %q lets foreign scripts in", res.Header.Get("Content-Security-Policy"))
			}
		})
	}
}

func TestAnUnchangedFileIsNotSentAgain(t *testing.T) {
	h := newSite(console(built()))
	first := get(t, h, "/")
	tag := first.Header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) || len(tag) < 12 {
		t.Fatalf("ETag %q is not a strong tag", tag)
	}
	if again := get(t, h, "/", "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
		t.Errorf("status %d with the current tag, want 304", again.StatusCode)
	}
	if other := get(t, h, "/favicon.svg", "If-None-Match", tag); other.StatusCode != http.StatusOK {
		t.Errorf("status %d with another file's tag, want 200", other.StatusCode)
	}
}

func TestTextIsCompressedForThoseWhoAcceptIt(t *testing.T) {
	h := newSite(console(built()))
	plain := get(t, h, "/assets/app-1a2b.js")
	tests := []struct {
		accept string
		packed bool
	}{
		{"gzip", true},
		{"br, gzip;q=0.8", true},
		{"GZIP", true},
		{"", false},
		{"br", false},
		{"gzip;q=0", false},
		{"gzip; q=0.0", false},
	}
	for _, tt := range tests {
		t.Run(tt.accept, func(t *testing.T) {
			res := get(t, h, "/assets/app-1a2b.js", "Accept-Encoding", tt.accept)
			if packed := res.Header.Get("Content-Encoding") == "gzip"; packed != tt.packed {
				t.Fatalf("compressed: %v, want %v", packed, tt.packed)
			}
			if res.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("Vary %q, want Accept-Encoding", res.Header.Get("Vary"))
			}
			if !tt.packed {
				return
			}
			if res.Header.Get("ETag") == plain.Header.Get("ETag") {
				t.Error("the compressed file has the plain one's ETag")
			}
			z, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(z)
			if err != nil || string(got) != script {
				t.Errorf("unpacked %d bytes (%v), want %d", len(got), err, len(script))
			}
		})
	}
	if font := get(t, h, "/assets/f-1a2b.woff2", "Accept-Encoding", "gzip"); font.Header.Get("Content-Encoding") != "" {
		t.Error("a font was compressed again")
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	w := httptest.NewRecorder()
	newSite(console(built())).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestWithoutABuildThePlaceholderIsServed(t *testing.T) {
	bare := built()
	for name := range bare {
		if strings.HasPrefix(name, "site/console/") {
			delete(bare, name)
		}
	}
	if got := body(t, get(t, newSite(console(bare)), "/live")); got != "<p>placeholder</p>" {
		t.Errorf("got %q, want the placeholder", got)
	}
}

func TestTheBinaryAlwaysHasAPage(t *testing.T) {
	res := get(t, Handler(), "/")
	if res.StatusCode != http.StatusOK || !strings.Contains(body(t, res), "gatemeter") {
		t.Errorf("status %d: no page of gatemeter", res.StatusCode)
	}
	if _, err := fs.Stat(embedded, "site/placeholder/index.html"); err != nil {
		t.Error(err)
	}
}
