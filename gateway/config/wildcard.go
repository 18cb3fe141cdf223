package config

import "strings"

// CatchAll is the path of the endpoint that gets the requests for which there is no
// other. Without a method of its own it has any, which its backends are called with
// where they name none (the reference does not say what KrakenD Enterprise does).
const CatchAll = "/__catchall"

// IsWildcard tells whether an endpoint has more than one path that begins like its
// own: it ends in /* or is CatchAll.
func IsWildcard(path string) bool { return path == CatchAll || strings.HasSuffix(path, "/*") }

// methodOfPath is the method of an endpoint that names none: GET, or "" for any.
func (b *block) methodOfPath() string {
	v, _, _ := b.find("endpoint")
	if path, _ := asText(v); "/"+strings.TrimLeft(path, "/") == CatchAll {
		return ""
	}
	return "GET"
}

// wildcards warns of backends whose url_pattern has a star that stands for nothing.
func (b *block) wildcards(e *Endpoint, backends []*block) {
	for i, o := range backends {
		path, _, _ := strings.Cut(e.Backends[i].URLPattern, "?")
		switch {
		case e.Path == "" || !strings.Contains(path, "*"):
		case !IsWildcard(e.Path):
			o.warn(o.at("url_pattern"), "the star is literal text, since %s has no wildcard", e.Path)
		case strings.Contains(strings.TrimSuffix(path, "/*"), "*"):
			o.warn(o.at("url_pattern"), "the star is literal text: only /* at the end of the path stands for what the wildcard matched")
		}
	}
}
