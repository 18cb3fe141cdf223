package config

import (
	"errors"
	"strings"
	"testing"
)

func TestProblemsKnowTheirLines(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		env        []string
		want       map[string]string // path → where
	}{
		"JSON": {"k.json", `{
  "version": 3, "port":
    "x",
  "timeout": "soon", "name": {
  },
  "extra_config": {"github.com/devopsfaith/krakend-cors": {
    "max_age": "y"
  }},
  "endpoints": [
    {"endpoint": "/a", "backend": {"host": ["http://b",
      "ftp://b"], "url_pattern": "{"
    }},
    {"endpoint": "/b"
      , "timeout": []}
  ]
}`, []string{"KRAKEND_LISTEN_IP", "x"}, map[string]string{
			"port": "line 2", "timeout": "line 4", "name": "line 4", "KRAKEND_LISTEN_IP": "",
			"extra_config.github.com/devopsfaith/krakend-cors.max_age": "line 7",
			"endpoints[0].backend[0].host[1]":                          "line 11",
			"endpoints[1].timeout":                                     "line 14",
			"endpoints[1].backend":                                     "line 13", // missing from there
		}},
		"YAML": {"k.yaml", `
version: 3
port: x
endpoints:
  - endpoint: /a
    timeout: soon
    backend:
      url_pattern: /
      host:
        - http://b
        - ftp://b
  -
    endpoint: /b
`, nil, map[string]string{
			"port": "line 3", "endpoints[0].timeout": "line 6", "endpoints[0].backend[0].host[1]": "line 11", "endpoints[1].backend": "line 13",
		}},
		"TOML": {"k.toml", `version = 3
port = "x"

[extra_config."security/cors"]
max_age = "y"

[[endpoints]]
endpoint = "/a"
timeout = "soon"
[[endpoints.backend]]
url_pattern = "/"
host = "ftp://b"

[[endpoints]]
endpoint = "/b"
backend = [{url_pattern = "/", host = "ftp://b"}]
[endpoints.extra_config."security/bot-detector"]
cache_size = -1
`, nil, map[string]string{
			"port": "line 2", "extra_config.security/cors.max_age": "line 5", "endpoints[0].timeout": "line 9",
			"endpoints[0].backend[0].host": "line 12", "endpoints[1].backend[0].host": "line 16",
			"endpoints[1].extra_config.security/bot-detector.cache_size": "line 18",
		}},
		"a template": {"k.json", "{{ range until 4 }}\n{{ end }}{\n\"version\": 3, \"port\": \"x\"}", []string{"FC_ENABLE", "1"}, map[string]string{
			"port": "line 6 of the rendered file",
		}},
		"nothing there": {"k.json", `{}`, nil, map[string]string{"version": ""}},
	} {
		_, err := Parse(c.file, []byte(c.text), environment(c.env...))
		var problems Problems
		if !errors.As(err, &problems) || len(problems) != len(c.want) {
			t.Errorf("%s: got %v", name, err)
		}
		for _, p := range problems {
			if where, ok := c.want[p.Path]; !ok || p.Where != where {
				t.Errorf("%s: %s is said to be in %q, not %q", name, p.Path, p.Where, where)
			}
			if located := p.Located(); !strings.HasPrefix(located, p.String()) || (p.Where != "") != strings.HasSuffix(located, "("+p.Where+")") {
				t.Errorf("%s: %s", name, located)
			}
		}
	}
}

func TestWarningsKnowTheirLines(t *testing.T) {
	s := parse(t, "k.json", "{\"version\": 3,\n\"prot\": 1,\n\"a b\": 2}")
	want := []string{
		"endpoints: missing: every call will be answered with 404",
		`"a b": unknown key, ignored (line 3)`,
		"prot: unknown key, ignored (did you mean port?) (line 2)",
	}
	if len(s.Warnings) != len(want) {
		t.Fatalf("got %q", s.Warnings)
	}
	for i, w := range s.Warnings {
		if got := s.Lines.Locate(w); got != want[i] {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
}
