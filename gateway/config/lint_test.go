package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The files of testdata/lint/good are as people write them, about namespaces that
// are served and others. The schema has nothing to say about any, and the reader at
// most that it does not serve something yet.
func TestGoodFilesLintClean(t *testing.T) {
	files := append(configurations(t, "testdata/lint/good"), "../../examples/krakend.json")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			own, err := ourSchema()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range own.against(tree(t, file)) {
				t.Errorf("the schema: %s", p)
			}
			_, err = Lint(file, nil)
			for _, line := range messages(err) {
				if !slices.ContainsFunc(borne, func(b string) bool { return strings.Contains(line, b) }) {
					t.Error(line)
				}
			}
		})
	}
}

// borne are the remarks of the reader that a good file may get.
var borne = []string{
	"not supported yet",
	"plugins are not loaded",
	"no such file or directory", // scripts
	"files.service.consul.srv",  // no URL, and right with sd: dns
}

// What is served is clean for the schema too, unless it is weak on purpose: then
// testdata/lint/weak has what lint says beyond the warnings of the reader.
func TestServedFilesLintCleanUnlessTheyAreWeak(t *testing.T) {
	for _, file := range configurations(t, "testdata/good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := Load(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			warned := map[string]bool{}
			for _, w := range s.Warnings {
				warned[w] = true
			}
			_, err = Lint(file, nil)
			more := ""
			for _, line := range messages(err) {
				if !warned[line] {
					more += line + "\n"
				}
			}
			golden(t, "testdata/lint/weak/"+filepath.Base(file)+".want", more)
		})
	}
}

// Beside each configuration of testdata/lint/bad stands all that lint says.
func TestEveryUncleanFileIsToldItsLines(t *testing.T) {
	for _, file := range configurations(t, "testdata/lint/bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := Lint(file, nil)
			if s != nil || err == nil {
				t.Fatalf("clean: %+v", s)
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error is %T", err)
			}
			lines, last := "", 0
			for _, p := range problems {
				lines += p.Located() + "\n"
				where := 0
				if n, ok := strings.CutPrefix(p.Where, "line "); ok {
					where = int(mustInt(t, n))
				}
				if where < last {
					t.Errorf("out of order: %s", p.Located())
				}
				last = where
			}
			golden(t, file+".want", lines)
		})
	}
}

func TestNothingIsSaidTwiceAboutOnePath(t *testing.T) {
	for _, dir := range []string{"testdata/bad", "testdata/good", "testdata/lint/bad"} {
		for _, file := range configurations(t, dir) {
			_, strict := Lint(file, nil)
			_, plain := Load(file, nil)
			var all, before Problems
			errors.As(strict, &all)
			errors.As(plain, &before)
			count := map[string]int{}
			for _, p := range before { // the reader may have two things to say
				count[p.Path]--
			}
			for _, p := range all {
				if count[p.Path]++; count[p.Path] > 1 && !warnsTwice(all, p.Path) {
					t.Errorf("%s: said twice: %s", file, p)
				}
			}
		}
	}
}

// warnsTwice tells whether it is the reader that has more than one thing to say.
func warnsTwice(all Problems, path string) bool {
	own := 0
	for _, p := range all {
		if p.Path == path && !strings.HasPrefix(p.Message, "must be") && p.Message != "unknown key" {
			own++
		}
	}
	return own > 1
}

func TestASecretIsNotRepeated(t *testing.T) {
	const file = `{"version":3,"extra_config":{"auth/basic":{"users":{"bob":77123}}},"endpoints":[{"endpoint":"/","backend":[{"url_pattern":"/",
		"extra_config":{"auth/client-credentials":{"client_id":"a","client_secret":77123,"token_url":"https://idp"}}}]}]}`
	_, err := lint("f.json", []byte(file), nil)
	for _, path := range []string{"client_secret: must be text", "users.bob: "} {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("nothing is said: %v", err)
		}
	}
	if strings.Contains(err.Error(), "77123") {
		t.Errorf("got %v", err)
	}
}

// A schema of somebody else's says what it allows, in our words, without a value that
// may be secret, and does not make warnings errors.
func TestAFileIsHeldAgainstAnotherSchema(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	house := write("house.json", `{"$schema":"http://json-schema.org/draft-07/schema#","title":"House rules","required":["name"],
		"properties":{"timeout":{"title":"Timeout","enum":["2s"]},"name":{"$ref":"name.json"}}}`)
	write("name.json", `{"type":"string","minLength":3,"description":"A name."}`)
	for text, want := range map[string]string{
		`{"version":3,"name":"shop","odd":1,"endpoints":[]}`:     "",
		`{"version":3,"timeout":"soon","endpoints":[]}`:          "name: missing\ntimeout: must be a duration such as 300ms, 2s or 1h30m (got \"soon\")",
		`{"version":3,"name":"a","timeout":"3s","endpoints":[]}`: "name: must have 3 or more characters\ntimeout: must be one of 2s (did you mean 2s?)",
		`{"version":2}`: "version: must be 3 (got 2)",
	} {
		s, err := LintAgainst(house, write("k.json", text), nil)
		if got := strings.Join(messages(err), "\n"); got != want || (err == nil) != (s != nil) {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
		if want == "" && len(s.Warnings) != 1 {
			t.Errorf("warnings %q", s.Warnings)
		}
	}
	file := write("k.json", `{"version":3,"endpoints":[]}`)
	for schema, want := range map[string]string{
		filepath.Join(dir, "none.json"):                              "none.json: cannot be read: no such file or directory",
		write("broken.json", `{`):                                    "broken.json: not a JSON Schema that can be used: ",
		write("odd.json", `{"type":"thing"}`):                        "odd.json: not a JSON Schema that can be used: ",
		write("far.json", `{"$ref":"http://schema.example/k.json"}`): "far.json: not a JSON Schema that can be used: ",
	} {
		if _, err := LintAgainst(schema, file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", schema, err)
		}
	}
	if _, err := LintAgainst(house, filepath.Join(dir, "none.json"), nil); err == nil || !strings.Contains(err.Error(), "none.json: cannot be read") {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatIsNoConfigurationIsNotHeldAgainstTheSchema(t *testing.T) {
	for _, text := range []string{`{`, `[]`, `{"version":2,"port":"x"}`, `{"port":"x"}`} {
		_, err := lint("f.json", []byte(text), nil)
		if got := messages(err); len(got) != 1 {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	_, err := Lint(filepath.Join(t.TempDir(), "none.json"), nil)
	if err == nil || !strings.Contains(err.Error(), "none.json: cannot be read") {
		t.Errorf("got %v", err)
	}
}

// The validator counts with exact fractions, of which some numbers make gigabytes.
func TestNumbersOfAnySizeAreHeldAgainstTheSchema(t *testing.T) {
	for _, number := range []string{"1e999999999", "1e-999999999", "-1e400", "123456789012345678901234567890"} {
		_, err := lint("f.json", []byte(`{"version":3,"endpoints":[],"tls":{"disabled":true,"cipher_suites":[`+number+`]}}`), nil)
		if number != "1e-999999999" && (err == nil || !strings.Contains(err.Error(), "tls.cipher_suites[0]: ")) {
			t.Errorf("%s: got %v", number, err)
		}
	}
	for _, number := range []string{".inf", "-.inf", ".nan"} {
		_, err := lint("f.yaml", []byte("version: 3\nport: "+number+"\n"), nil)
		if err == nil || !strings.Contains(err.Error(), "port: ") {
			t.Errorf("%s: got %v", number, err)
		}
	}
}

// Whatever bytes are linted, there are lines with a path and a message.
func FuzzLint(f *testing.F) {
	seed(f, "testdata/lint/bad", "testdata/lint/good")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range []string{"f.json", "f.yaml", "f.toml"} {
			_, err := lint(file, data, nil)
			for _, line := range messages(err) {
				if path, text, ok := strings.Cut(line, ": "); !ok || path == "" || text == "" || strings.Contains(line, "\n") {
					t.Errorf("%s: not a line with a path and a message: %q", file, line)
				}
			}
		}
	})
}

// tree reads a file that can be read.
func tree(t *testing.T, file string) map[string]any {
	t.Helper()
	f := &findings{}
	values := readSource(f, file, file, read(t, file))
	if len(f.problems) > 0 {
		t.Fatal(f.problems)
	}
	return values
}

func messages(err error) []string {
	var problems Problems
	errors.As(err, &problems)
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return lines
}

func mustInt(t *testing.T, text string) int64 {
	t.Helper()
	n, ok := asInt(text)
	if !ok {
		t.Fatalf("no number: %s", text)
	}
	return n
}
