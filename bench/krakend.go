//go:build linux

package main

import (
	"encoding/json"
	"strings"
)

// Paths of the gateway under test. The second is blocked by a rule.
const (
	openPath    = "/bench"
	blockedPath = "/blocked"
)

// krakend is the gateway's configuration. collector is the base URL that events
// go to; "" leaves the telemetry/moesif block out.
func krakend(port int, upstream, collector string) ([]byte, error) {
	extra := object{
		"telemetry/logging": object{"level": "ERROR", "stdout": false},
		"router":            object{"disable_access_log": true},
	}
	if collector != "" {
		// The masks name fields that the traffic has; see exchanges.
		extra["telemetry/moesif"] = object{
			"application_id":        strings.Repeat("bench", 12),
			"collector_url":         collector,
			"user_id_headers":       []string{"Authorization"},
			"identify_company":      object{"query_string": "company"},
			"request_header_masks":  []string{"X-Api-Key"},
			"response_header_masks": []string{"X-Session-Token"},
			"request_body_masks":    []string{"password"},
			"response_body_masks":   []string{"iban", "email"},
			"metadata":              object{"region": "eu-1"},
			"event_queue_size":      2_000_000, // and bytes: scenario queue loses none
			"event_queue_bytes":     2 << 30,
		}
	}
	return json.Marshal(object{
		"version":   3,
		"port":      port,
		"listen_ip": "127.0.0.1",
		"timeout":   "10s",
		"endpoints": []object{
			endpoint("GET", openPath, upstream), endpoint("POST", openPath, upstream),
			endpoint("GET", blockedPath, upstream), endpoint("POST", blockedPath, upstream),
		},
		"extra_config": extra,
	})
}

type object = map[string]any

func endpoint(method, path, upstream string) object {
	return object{
		"endpoint":        path,
		"method":          method,
		"output_encoding": "no-op",
		"input_headers":   []string{"Authorization", "Content-Type", "Accept"},
		"backend":         []object{{"host": []string{"http://" + upstream}, "url_pattern": "/"}},
	}
}
