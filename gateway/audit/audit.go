// Package audit recommends what would make a configuration safer, faster or easier
// to run. A file that is served as it is may still be audited; nothing here is an
// error.
package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Severity says how much a recommendation matters.
type Severity string

// From what lets anybody in to what is a matter of taste.
const (
	Critical Severity = "CRITICAL"
	High     Severity = "HIGH"
	Medium   Severity = "MEDIUM"
	Low      Severity = "LOW"
)

// Severities are all of them, the gravest first.
var Severities = []Severity{Critical, High, Medium, Low}

// Recommendation is one thing to think about. Its ID does not change from version
// to version, so that it can be ignored by it.
type Recommendation struct {
	ID       string // group.topic.number
	Severity Severity
	Message  string // what is so, and what to do
}

// rule is one thing to look for. What it finds is at places, or about the whole service
// when it names none.
type rule struct {
	id       string
	severity Severity
	message  string // %s takes the places that it is about
	look     func(*config.Service) (places []string, found bool)
}

// Run audits s. The result is ordered by ID.
func Run(s *config.Service) []Recommendation {
	var all []Recommendation
	for _, r := range rules() {
		places, found := r.look(s)
		if !found {
			continue
		}
		message := r.message
		if places != nil {
			message = fmt.Sprintf(r.message, listed(places))
		}
		all = append(all, Recommendation{r.id, r.severity, message})
	}
	return all
}

func rules() []rule {
	return slices.Concat(transport, exposure, identity, limits, reliability, reporting)
}

// manyPlaces is how many places a message names.
const manyPlaces = 3

func listed(places []string) string {
	text := ""
	for i, place := range places {
		if i == manyPlaces {
			return fmt.Sprintf("%s and %d more", text, len(places)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += place
	}
	return text
}

// about makes a look of a question about the whole service.
func about(is func(*config.Service) bool) func(*config.Service) ([]string, bool) {
	return func(s *config.Service) ([]string, bool) { return nil, is(s) }
}

// endpoints makes a look of a question about each endpoint.
func endpoints(is func(*config.Service, *config.Endpoint) bool) func(*config.Service) ([]string, bool) {
	return func(s *config.Service) (places []string, found bool) {
		for i := range s.Endpoints {
			if e := &s.Endpoints[i]; is(s, e) {
				places = append(places, strings.TrimSpace(e.Method+" "+e.Path)) // a /__catchall may have any method
			}
		}
		return places, len(places) > 0
	}
}
