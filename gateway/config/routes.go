package config

import (
	"cmp"
	"strings"
)

// routes finds endpoints that can't be told apart: the same method and path, or
// two names for the parameter at one position. KrakenD ends with a panic there.
// where holds the path of the block of each endpoint.
func (b *block) routes(s *Service, where []string) {
	type place struct {
		at      string // whose block
		segment string // as it is written
	}
	taken := map[string]string{} // method and path → whose
	names := map[string]place{}  // method and path so far, without names
	if !s.Router.DisableHealth {
		taken["GET "+s.Router.HealthPath] = "the health endpoint (router.health_path)"
	}
	for i, e := range s.Endpoints {
		if e.Path == "" {
			continue
		}
		at := under(where[i], "endpoint")
		route := cmp.Or(e.Method, "any method of") + " " + e.Path
		if other, ok := taken[route]; ok {
			b.problem(at, "%s is %s already: remove one of them", route, other)
			continue
		}
		taken[route] = where[i]
		shape := e.Method + " "
		for segment := range strings.SplitSeq(e.Path, "/") {
			plain := withoutNames(segment, s.DisableREST)
			shape += "/" + plain
			if plain == segment {
				continue
			}
			first, ok := names[shape]
			if !ok {
				names[shape] = place{at: where[i], segment: segment}
				continue
			}
			if first.segment != segment {
				b.problem(at, "%s stands where %s has %s: give both the same name", segment, first.at, first.segment)
				break
			}
		}
	}
	if s.WriteTimeout > 0 {
		b.slowEndpoints(s, where)
	}
}

// withoutNames replaces the parameters of a segment by {}.
func withoutNames(segment string, anywhere bool) string {
	if anywhere {
		return insideSegment.ReplaceAllString(segment, "{}")
	}
	return wholeSegment.ReplaceAllString(segment, "{}")
}

// slowEndpoints warns of the first endpoint that may take longer to answer than
// the server writes.
func (b *block) slowEndpoints(s *Service, where []string) {
	for i, e := range s.Endpoints {
		if e.Timeout > s.WriteTimeout {
			b.warn(b.at("write_timeout"), "%v is less than the timeout of %s (%v): longer answers are cut", s.WriteTimeout, where[i], e.Timeout)
			return
		}
	}
}
