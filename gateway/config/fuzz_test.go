package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seed adds the files of folders to f.
func seed(f *testing.F, dirs ...string) {
	f.Helper()
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// Whatever bytes are read in whatever format, there is a service or a list of
// problems, one line each, and never a panic.
func FuzzParse(f *testing.F) {
	seed(f, "testdata/bad", "testdata/good")
	f.Add([]byte("version: 3\na: &a [x]\nhost: *a\n<<: {port: 1}\n? [1, 2]\n: 3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range []string{"f.json", "f.yaml", "f.toml"} {
			s, err := Parse(file, data, nil)
			if (s == nil) == (err == nil) {
				t.Fatalf("%s: got %v and %v", file, s, err)
			}
			if err == nil {
				checkService(t, s)
				continue
			}
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("%s: got %T", file, err)
			}
			for _, p := range problems {
				if p.Path == "" || p.Message == "" || strings.Contains(p.String(), "\n") {
					t.Errorf("%s: not a line with a path and a message: %q", file, p.String())
				}
			}
		}
	})
}

// checkService holds what the rest of the gateway relies on.
func checkService(t *testing.T, s *Service) {
	t.Helper()
	if s.Port < 1 || s.Port > 65535 || s.Timeout <= 0 {
		t.Errorf("port %d, timeout %v", s.Port, s.Timeout)
	}
	routes := map[string]bool{}
	for _, e := range s.Endpoints {
		route := e.Method + " " + e.Path
		if routes[route] || !strings.HasPrefix(e.Path, "/") || len(e.Backends) == 0 || e.Timeout <= 0 ||
			e.OutputEncoding == "no-op" && len(e.Backends) != 1 {
			t.Errorf("endpoint %+v", e)
		}
		routes[route] = true
		for _, b := range e.Backends {
			if (len(b.Hosts) == 0) == (b.Discovery == nil) || !strings.HasPrefix(b.URLPattern, "/") || b.Encoding == "" || b.Method == "" && e.Path != CatchAll {
				t.Errorf("backend %+v", b)
			}
		}
	}
}
