package wire

import (
	"bytes"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// Gatemeter is what a gateway of this house says about an exchange under
// metadata.gatemeter, because the protocol has no field for it.
type Gatemeter struct {
	Route    string   `json:"route,omitempty"`    // the endpoint's pattern; "" when none matched
	Identity string   `json:"identity,omitempty"` // verified, claimed or none
	Refused  string   `json:"refused,omitempty"`  // why the gateway answered itself; "" when the backend was asked
	Cut      []string `json:"cut,omitempty"`      // bodies sent shorter than they were: request.body, response.body
}

// Gatemeter reads metadata.gatemeter; false when there is none.
func (e *Event) Gatemeter() (Gatemeter, bool) {
	var g Gatemeter
	found := false
	if !bytes.Contains(e.Metadata, []byte("gatemeter")) {
		return g, false
	}
	err := read(e.Metadata, "metadata", func(r *reader, t scan.Token) error {
		return r.members(t, "metadata", func(key []byte, t scan.Token) error {
			if string(key) != "gatemeter" {
				return r.skip(t)
			}
			found = t.Kind == scan.BeginObject
			g = Gatemeter{}
			return r.gatemeter(&g, t)
		})
	})
	if err != nil || !found {
		return Gatemeter{}, false
	}
	return g, true
}

func (r *reader) gatemeter(g *Gatemeter, t scan.Token) error {
	return r.members(t, "gatemeter", func(key []byte, t scan.Token) error {
		switch string(key) {
		case "route":
			return r.stringInto(&g.Route, t, "route")
		case "identity":
			return r.stringInto(&g.Identity, t, "identity")
		case "refused":
			return r.stringInto(&g.Refused, t, "refused")
		case "cut":
			g.Cut = nil
			return r.elements(t, "cut", func(t scan.Token) error {
				var body string
				err := r.stringInto(&body, t, "cut")
				g.Cut = append(g.Cut, body)
				return err
			})
		}
		return r.skip(t)
	})
}
