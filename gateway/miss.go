package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/pipe"
	"github.com/gatemeter/gatemeter/gateway/route"
	"github.com/gatemeter/gatemeter/moesif"
)

// redirected is the reason of a request that was sent to the right path.
const redirected = "redirected"

// miss answers a request that no endpoint matches: 301 or 307 to the path that
// was probably meant, 405, or 404 (KrakenD v3, 1.8).
func (h *handler) miss(a *answer, r *http.Request, path string) {
	x := moesif.From(r.Context())
	to, redirect := h.table.Redirect(r.Method, path, h.redirects())
	var allowed []string
	switch {
	case redirect:
		x.Refuse(redirected)
	case !h.router.DisableHandleMethodNotAllowed:
		allowed = h.table.Allowed(r.Method, path)
		fallthrough
	default:
		x.Refuse(moesif.NotFound)
		if len(allowed) > 0 {
			x.Refuse(moesif.MethodNotAllowed)
		}
	}
	if !h.governed(a, r, path) {
		return
	}
	if _, ok := admit(h.unmatchedLimits, a, r, nil); !ok {
		return
	}
	if redirect {
		status := http.StatusTemporaryRedirect
		if r.Method == http.MethodGet {
			status = http.StatusMovedPermanently
		}
		location := url.URL{Path: to, RawQuery: r.URL.RawQuery}
		http.Redirect(a, r, location.String(), status)
		return
	}
	pipe.SetHeaders(a.Header(), h.version)
	if len(allowed) > 0 {
		a.Header().Set("Allow", strings.Join(allowed, ", "))
		fail(a, http.StatusMethodNotAllowed, "405 method not allowed", h.router.ErrorBody405)
		return
	}
	fail(a, http.StatusNotFound, "404 page not found", h.router.ErrorBody404)
}

func (h *handler) redirects() route.Redirects {
	return route.Redirects{
		TrailingSlash: !h.router.DisableRedirectTrailingSlash,
		FixedPath:     !h.router.DisableRedirectFixedPath,
	}
}

// fail writes text, or the JSON that router.error_body has instead.
func fail(a *answer, status int, text string, json []byte) {
	contentType, body := "text/plain", []byte(text)
	if json != nil {
		contentType, body = "application/json; charset=utf-8", json
	}
	a.Header().Set("Content-Type", contentType)
	a.WriteHeader(status)
	_, _ = a.Write(body) // the client may have gone
}

// options collects the methods of every path, for auto_options.
type options struct {
	paths   []route.Pattern
	methods map[string][]string
}

func newOptions() *options { return &options{methods: make(map[string][]string)} }

func (o *options) add(p route.Pattern, method string) {
	if o.methods[p.Text] == nil {
		o.paths = append(o.paths, p)
	}
	o.methods[p.Text] = append(o.methods[p.Text], method)
}

// register adds OPTIONS to every path.
func (o *options) register(h *handler) error {
	for _, p := range o.paths {
		methods := o.methods[p.Text]
		slices.Sort(methods)
		allow := allow{methods: strings.Join(methods, ", "), version: h.version}
		if err := h.add(http.MethodOptions, p, endpoint{pipe: allow}); err != nil {
			return err
		}
	}
	return nil
}

// allow answers OPTIONS.
type allow struct {
	methods string
	version []string
}

// Serve implements pipe.Pipe.
func (o allow) Serve(w http.ResponseWriter, _ *http.Request, _ []string) {
	w.Header()["X-Krakend"] = o.version
	w.Header().Set("Allow", o.methods)
	w.WriteHeader(http.StatusOK)
}

var _ pipe.Pipe = allow{}
