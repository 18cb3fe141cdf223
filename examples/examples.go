// Package examples holds configurations that work as they are, so that the demo
// can start from the binary alone.
package examples

import _ "embed" // for the configuration below

// KrakenD is krakend.json: the configuration of the demo's gateway.
//
//go:embed krakend.json
var KrakenD []byte
