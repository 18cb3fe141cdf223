package config

import (
	"reflect"
	"testing"
	"time"
)

// KrakenD v3, 5. What layers of proxies and backends count is not told, so that
// proxy_disabled and backend_disabled change nothing.
func TestMetricsAreReadWithKrakenDsDefaults(t *testing.T) {
	for written, want := range map[string]*Metrics{
		`{}`: {ListenAddress: ":8090", CollectionTime: time.Minute},
		`{"listen_address": "127.0.0.1:9000", "collection_time": "5s"}`: {ListenAddress: "127.0.0.1:9000", CollectionTime: 5 * time.Second},
		`{"router_disabled": true}`:                                     {ListenAddress: ":8090", CollectionTime: time.Minute, HideRouter: true},
		`{"proxy_disabled": true, "backend_disabled": "true"}`:          {ListenAddress: ":8090", CollectionTime: time.Minute},
		`{"endpoint_disabled": false}`:                                  {ListenAddress: ":8090", CollectionTime: time.Minute},
		`{"endpoint_disabled": true}`:                                   nil, // nobody listens
	} {
		s := parse(t, "k.json", `{"version": 3, "endpoints": [{"endpoint": "/a", "backend": {"host": "http://b", "url_pattern": "/"}}],
			"extra_config": {"telemetry/metrics": `+written+`}}`)
		if !reflect.DeepEqual(s.Metrics, want) || len(s.Warnings) > 0 {
			t.Errorf("%s: got %+v, %q", written, s.Metrics, s.Warnings)
		}
	}
}
