package wire

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Header names of the tags that tell when the documents of GET /v1/config and
// GET /v1/rules have changed (Moesif wire, 1.5). The second has no "E".
const (
	ConfigTagHeader = "X-Moesif-Config-Etag" // canonical
	RulesTagHeader  = "X-Moesif-Rules-Tag"
)

// DefaultCollectorURL is where Moesif's own collector is.
const DefaultCollectorURL = "https://api.moesif.net"

// CollectorURL joins the base URL of a collector, "" for the default, and a path
// like v1/rules. People paste the base with the version as well: a /v1 at its end
// is left out. It is an error if base is not the http or https URL of a host; the
// error shows no password.
func CollectorURL(base, path string) (string, error) {
	if base == "" {
		base = DefaultCollectorURL
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("collector_url is not a URL") // the parser's error would show a password in it
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("collector_url must be like %s (got %q)", DefaultCollectorURL, u.Redacted())
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1")
	return u.JoinPath(path).String(), nil
}
