package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files, name and content in turn, into a folder of their own.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		file := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const templated = `{
  "version": 3,
  "name": {{ env "TEAM" | default "nobody" | upper | quote }},
  "port": {{ .service.port }},
  "host": {{ marshal .service.hosts }},
  "timeout": "{{ expandenv "${WAIT}s" }}",
  "extra_config": { {{ include "cors.txt" }} },
  "endpoints": [
    {{ range $i, $path := .urls.list }}{{ if $i }},{{ end }}{{ template "endpoint.tmpl" $path }}{{ end }}
  ]
}`

// folders of a configuration in parts, as variables of the environment.
func folders(t *testing.T) []string {
	return []string{
		"FC_ENABLE", "0", // any value turns it on
		"FC_SETTINGS", folder(t, "service.json", `{"port": 8085, "hosts": ["http://a", "http://b"]}`, "urls.json", `{"list": ["/x", "/y"]}`,
			"README.md", "not read", "deeper/more.json", "not read"),
		"FC_TEMPLATES", folder(t, "endpoint.tmpl", `{"endpoint": "{{ . }}", "backend": [{"url_pattern": "{{ . }}"}]}`, "other.txt", "{{ not read"),
		"FC_PARTIALS", folder(t, "cors.txt", `"security/cors": {"max_age": "1h"}, "@comment": "{{ not a template }}"`),
		"TEAM", "shop", "WAIT", "7",
	}
}

func TestFlexibleConfigurationIsRendered(t *testing.T) {
	for _, file := range []string{"krakend.json", "krakend.tmpl", "krakend.yaml"} { // what begins like JSON is JSON
		s := parse(t, file, templated, folders(t)...)
		if s.Name != "SHOP" || s.Port != 8085 || len(s.Host) != 2 || s.Timeout.Seconds() != 7 || s.CORS == nil || s.CORS.MaxAge.Hours() != 1 ||
			len(s.Endpoints) != 2 || s.Endpoints[1].Backends[0].URLPattern != "/y" || len(s.Warnings) > 0 {
			t.Errorf("%s: got %+v", file, s)
		}
	}
	s := parse(t, "krakend.yaml.tmpl", "version: 3\nport: {{ add 8000 80 }}\nendpoints: []\n", "FC_ENABLE", "1")
	if s.Port != 8080 {
		t.Errorf("got port %d", s.Port)
	}
	s = parse(t, "k.json", `{"version": 3, "name": "{{ raw }}", "endpoints": []}`, "FC_SETTINGS", "/nowhere", "FC_ENABLE", "")
	if s.Name != "{{ raw }}" {
		t.Errorf("without FC_ENABLE: got %q", s.Name)
	}
}

func TestFlexibleConfigurationIsKept(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.json")
	parse(t, "k.json", templated, append(folders(t), "FC_OUT", out)...)
	kept, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(kept), `"name": "SHOP"`) {
		t.Errorf("got %s, %v", kept, err)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

// KrakenD logs what is wrong with a template and goes on with the raw file.
func TestWrongTemplatesAreRefusedByLine(t *testing.T) {
	broken := folder(t, "t.tmpl", "{{/* one */}}\n{{ nothing }}")
	out := filepath.Join(t.TempDir(), "out.json")
	for name, c := range map[string]struct {
		file string
		env  []string
		want string
	}{
		"a function that is not there": {"{\n\"version\": 3, \"name\": {{ upperr \"a\" }}}", nil, `conf/k.json:2: function "upperr" not defined`},
		"a brace that is not closed":   {"{\n\n{{ if .a }}", nil, `conf/k.json:3: unexpected EOF`},
		"what can't be done": {
			"{\n\"name\": \"{{ include \"none.txt\" }}\"}", []string{"FC_PARTIALS", "/nowhere"},
			`conf/k.json:2:12: at <include "none.txt">: error calling include: open /nowhere/none.txt: no such file or directory`,
		},
		"no folder of partials": {
			`{{ include "a.txt" }}`, nil, `conf/k.json:1:3: at <include "a.txt">: error calling include: FC_PARTIALS is not set, the folder of a.txt`,
		},
		"a template of the folder":    {`{}`, []string{"FC_TEMPLATES", broken}, filepath.Join(broken, "t.tmpl") + `:2: function "nothing" not defined`},
		"a template that isn't there": {`{{ template "no.tmpl" . }}`, nil, `conf/k.json:1:12: at <{{template "no.tmpl" .}}>: template "no.tmpl" not defined`},
		"no folder of settings":       {`{}`, []string{"FC_SETTINGS", "/nowhere"}, `FC_SETTINGS: cannot be read: open /nowhere: no such file or directory`},
		"no place for the result":     {`{"version": 3}`, []string{"FC_OUT", "/nowhere/out.json"}, `FC_OUT: cannot be written: open /nowhere/out.json: no such file or directory`},
		"no JSON when rendered": {
			"{{ range until 3 }}\n{{ end }}{\"version\": {{ .a.b }} }", nil,
			`conf/k.json:4:13: invalid character '<' looking for beginning of value (in the rendered file: FC_OUT=FILE keeps it)`,
		},
		"no JSON in the file that is kept": {
			"{\n]", []string{"FC_OUT", out}, out + `:2:1: invalid character ']' looking for beginning of object key string`,
		},
		"a wrong key": {
			`{"version": 3, "endpoints": [{{ range list "/a" "/b" }}{{ if ne . "/a" }},{{ end }}{"endpoint": "{{ . }}", "timeout": "soon", "backend": {"host": "http://b"}}{{ end }}]}`, nil,
			"endpoints[0].timeout: must be a duration such as 300ms, 2s or 1h30m (got \"soon\")\nendpoints[1].timeout: must be a duration such as 300ms, 2s or 1h30m (got \"soon\")",
		},
	} {
		_, err := Parse("conf/k.json", []byte(c.file), environment(append(c.env, "FC_ENABLE", "1")...))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
	settings := folder(t, "bad.json", "{\n\"a\": 1,}", "list.json", "[1]")
	_, err := Parse("k.json", []byte("{}"), environment("FC_ENABLE", "1", "FC_SETTINGS", settings))
	want := settings + "/bad.json:2:8: invalid character '}' looking for beginning of object key string (remove the comma before it)\n" +
		settings + "/list.json: must hold one object with settings"
	if err == nil || err.Error() != want {
		t.Errorf("settings:\n got %v\nwant %s", err, want)
	}
}

func TestSettingsThatAreNotThereAreTold(t *testing.T) {
	s := parse(t, "k.json", "{\"version\": 3,\n\"name\": \"{{ .service.name }}\", \"endpoints\": []}", "FC_ENABLE", "1")
	want := "k.json:2:10: the template asks for a setting that is not there, and got <no value>"
	if len(s.Warnings) != 1 || s.Warnings[0] != want {
		t.Errorf("got %q", s.Warnings)
	}
}

func TestFingerprintsTellWhatLoadReads(t *testing.T) {
	main := folder(t, "k.json", "{}")
	file := filepath.Join(main, "k.json")
	settings, partials := folder(t, "a.json", "{}"), folder(t, "deep/b.txt", "x")
	env := environment("FC_ENABLE", "1", "FC_SETTINGS", settings, "FC_PARTIALS", partials)
	seen := map[string]string{}
	note := func(what string) {
		t.Helper()
		is := Fingerprint(file, env)
		if before, ok := seen[is]; ok {
			t.Errorf("%s: as %s", what, before)
		}
		if again := Fingerprint(file, env); again != is {
			t.Errorf("%s: it changes by itself", what)
		}
		seen[is] = what
	}
	note("at first")
	for what, path := range map[string]string{"the file": file, "a setting": filepath.Join(settings, "a.json"), "a partial": filepath.Join(partials, "deep/b.txt")} {
		if err := os.WriteFile(path, []byte("changed"), 0o600); err != nil {
			t.Fatal(err)
		}
		note(what)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	note("no file")
	env = environment("FC_SETTINGS", settings)
	note("no flexible configuration")
}
