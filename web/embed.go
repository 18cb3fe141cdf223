// Package web holds the console: a single page built by Vite from src, served
// out of the binary. Without a build (a fresh clone, a bare go test) it serves
// a placeholder page that says how to build one.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed site
var embedded embed.FS

// Handler serves the console. A path that is no file answers with the page
// itself, so that any address of the console can be opened directly; a missing
// asset is a 404. It answers GET and HEAD only and is safe for concurrent use.
func Handler() http.Handler {
	return newSite(console(embedded))
}

// Framed serves the page itself, which pages of the origins that framers returns
// may show in a frame. Nothing else is served.
func Framed(framers func(*http.Request) []string) http.Handler {
	page := newSite(console(embedded)).files["index.html"]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origins := framers(r)
		if len(origins) == 0 {
			page.serve(w, r, policy+"'none'")
			return
		}
		w.Header().Del("X-Frame-Options") // it knows no origins
		page.serve(w, r, policy+strings.Join(origins, " "))
	})
}

// console picks what to serve: the build where there is one, else the
// placeholder. Both are folders of root with an index.html.
func console(root fs.FS) fs.FS {
	for _, dir := range []string{"site/console", "site/placeholder"} {
		if _, err := fs.Stat(root, dir+"/index.html"); err != nil {
			continue
		}
		if sub, err := fs.Sub(root, dir); err == nil {
			return sub
		}
	}
	return root
}
