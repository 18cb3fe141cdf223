package gateway

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// survey is how many of a hundred files had it (KrakenD v3, 6), by what it looks like
// in JSON, YAML and TOML, and under its legacy name.
var survey = []struct {
	what    string
	percent int
	as      string
}{
	{"security/cors", 42, `security/cors|krakend-cors`},
	{"telemetry/logging", 29, `telemetry/logging|krakend-gologging`},
	{"auth/validator", 28, `auth/validator|krakend-jose/validator`},
	{"router", 23, `"router":|\brouter:|extra_config\.router|lura/router/gin`},
	{"proxy", 14, `"proxy":|devopsfaith/krakend/proxy"`},
	{"qos/ratelimit/router", 13, `qos/ratelimit/router`},
	{"telemetry/metrics", 13, `telemetry/metrics|krakend-metrics`},
	{"backend/http", 13, `backend/http"|devopsfaith/krakend/http"`},
	{"disable_jwk_security", 24, `disable_jwk_security`},
	{"no-op", 41, `no-op`},
	{"a legacy namespace", 17, `github[._]com/`},
	{"all headers let through", 13, `input_headers"?: \["\*"\]`},
	{"disable_host_sanitize", 28, `disable_host_sanitize`},
	{"group", 8, `"group":`},
	{"mapping", 7, `"mapping":`},
	{"is_collection", 7, `"is_collection":`},
	{"return_error_msg", 16, `return_error_msg`},
	{"$schema", 54, `schema"|\$schema=`},
}

// tolerance is how many points a share may be away from the survey's.
const tolerance = 9

func TestConfigurationsAreInTheSurveysProportions(t *testing.T) {
	files := configurations(t)
	if len(files) < 40 {
		t.Errorf("%d configurations, want 40 at least", len(files))
	}
	var texts []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	for _, s := range survey {
		found, n := regexp.MustCompile(s.as), 0
		for _, text := range texts {
			if found.MatchString(text) {
				n++
			}
		}
		if share := 100 * n / len(texts); share < s.percent-tolerance || share > s.percent+tolerance {
			t.Errorf("%s is in %d of %d configurations, %d %%, want about %d %%", s.what, n, len(texts), share, s.percent)
		}
	}
}

func TestEveryConfigurationHasItsCallsAndNoOthers(t *testing.T) {
	var want []string
	for _, file := range configurations(t) {
		want = append(want, strings.TrimSuffix(file, filepath.Ext(file))+".calls")
	}
	got, err := filepath.Glob(realistic + "/*.calls")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
