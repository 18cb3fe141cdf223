package security

import (
	"net/http"

	"github.com/unrolled/secure"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// redirected is the reason of a request that was sent to https.
const redirected = "redirected"

// Headers is security/http: it refuses hosts that are not served with 500, sends
// plain HTTP to https with 301, and sets headers that tell browsers to be careful.
// It is safe for concurrent use.
type Headers struct{ secure *secure.Secure }

// NewHeaders compiles c, whose expressions are known to be right.
func NewHeaders(c *config.SecureHeaders) *Headers {
	s := secure.New(secure.Options{
		AllowedHosts:            c.AllowedHosts,
		AllowedHostsAreRegex:    c.AllowedHostsAreRegex,
		HostsProxyHeaders:       c.HostProxyHeaders,
		STSSeconds:              int64(c.STSSeconds),
		STSIncludeSubdomains:    c.STSIncludeSubdomains,
		ForceSTSHeader:          c.ForceSTSHeader,
		FrameDeny:               c.FrameDeny,
		CustomFrameOptionsValue: c.CustomFrameOptionsValue,
		ContentTypeNosniff:      c.ContentTypeNosniff,
		BrowserXssFilter:        c.BrowserXSSFilter,
		ContentSecurityPolicy:   c.ContentSecurityPolicy,
		ReferrerPolicy:          c.ReferrerPolicy,
		SSLRedirect:             c.SSLRedirect,
		SSLHost:                 c.SSLHost,
		SSLProxyHeaders:         c.SSLProxyHeaders,
		IsDevelopment:           c.IsDevelopment,
	})
	s.SetBadHostHandler(http.HandlerFunc(badHost))
	return &Headers{secure: s}
}

// badHost answers a request for a host that is not in allowed_hosts.
func badHost(w http.ResponseWriter, r *http.Request) {
	moesif.From(r.Context()).Refuse(moesif.BadRequest)
	http.Error(w, "Bad Host", http.StatusInternalServerError)
}

// Admit sets the headers of the answer and lets r go on, or answers it.
func (h *Headers) Admit(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, bool) {
	if h.secure.Process(w, r) == nil {
		return r, true
	}
	if w.Header().Get("Location") != "" {
		moesif.From(r.Context()).Refuse(redirected)
	}
	return nil, false
}
