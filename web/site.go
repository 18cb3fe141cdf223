package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// policy allows what the build itself carries and nothing from elsewhere; who
// may frame a page is to be added.
// Styles may be inline: the component library sets its variables that way.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors "

// contentTypes are the kinds of file a build has. They are listed here because
// the system's own table differs from machine to machine.
var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".ico":   "image/x-icon",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".map":   "application/json",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff":  "font/woff",
	".woff2": "font/woff2",
}

// site is a folder of files held in memory, by their path without the leading
// slash. It does not change after newSite.
type site struct {
	files map[string]*file
}

type file struct {
	data        []byte
	contentType string
	etag        string // without quotes
	immutable   bool   // its name carries a hash of its content

	once   sync.Once
	packed []byte // gzip of data, nil where that is not worth it; set by once
}

func newSite(root fs.FS) *site {
	s := &site{files: map[string]*file{}}
	// The files are part of the binary: a walk over them can not fail, and what
	// could not be read would be a 404.
	_ = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		s.files[name] = &file{
			data:        data,
			contentType: contentType(name),
			etag:        hex.EncodeToString(sum[:10]),
			immutable:   strings.HasPrefix(name, "assets/"),
		}
		return nil
	})
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	f := s.find(r.URL.Path)
	if f == nil {
		http.NotFound(w, r)
		return
	}
	f.serve(w, r, policy+"'none'")
}

// find returns the file at urlPath, the page for an address of the console, or
// nil for a file that is not there: an old tab that asks for an asset of the
// build before must not be given a page instead.
func (s *site) find(urlPath string) *file {
	name := strings.TrimPrefix(path.Clean("/"+urlPath), "/")
	if f := s.files[name]; f != nil {
		return f
	}
	if strings.HasPrefix(name, "assets/") || contentTypes[path.Ext(name)] != "" {
		return nil
	}
	return s.files["index.html"]
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, policy string) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-cache")
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}

	data, etag := f.data, f.etag
	if packed := f.gzip(); packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			data, etag = packed, f.etag+"-gz"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// gzip returns the compressed file, made on first use; nil where compression
// saves less than a tenth (fonts, images, tiny files).
func (f *file) gzip() []byte {
	f.once.Do(func() {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(f.data); err != nil {
			return
		}
		if err := z.Close(); err != nil {
			return
		}
		if b.Len() < len(f.data)-len(f.data)/10 {
			f.packed = b.Bytes()
		}
	})
	return f.packed
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3) as far as it matters
// here: gzip is named and not given weight zero.
func acceptsGzip(r *http.Request) bool {
	for _, coding := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q := strings.TrimRight(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.")
		return weight == "" || q != ""
	}
	return false
}

func contentType(name string) string {
	if t := contentTypes[path.Ext(name)]; t != "" {
		return t
	}
	return "application/octet-stream"
}
