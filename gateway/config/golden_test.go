package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected messages of testdata anew")

// Beside each configuration of testdata/bad stands the exact list of what is
// wrong with it, one problem a line, in a file with the added extension .want.
func TestEveryBadFileIsRefusedWithItsMessages(t *testing.T) {
	for _, file := range configurations(t, "testdata/bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := Parse(filepath.Base(file), read(t, file), nil)
			if err == nil {
				t.Fatalf("accepted: %+v", s)
			}
			if s != nil {
				t.Error("a refused file gave a service")
			}
			if problems := (Problems)(nil); !errors.As(err, &problems) || len(problems) == 0 {
				t.Errorf("error is %T, want Problems with a problem in it", err)
			}
			golden(t, file+".want", err.Error()+"\n")
		})
	}
}

// Beside a configuration of testdata/good stands, in the same way, what it is
// warned of. No such file: no warnings.
func TestEveryGoodFileIsReadWithItsWarnings(t *testing.T) {
	for _, file := range configurations(t, "testdata/good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := Load(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			warnings := ""
			for _, w := range s.Warnings {
				warnings += w + "\n"
			}
			golden(t, file+".want", warnings)
		})
	}
}

func configurations(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".want" {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		t.Fatalf("%s holds no configuration", dir)
	}
	return files
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if got == "" {
			return
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil && got != "" {
		t.Fatal(err)
	}
	if got != string(want) {
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range max(len(gotLines), len(wantLines)) {
			g, w := line(gotLines, i), line(wantLines, i)
			if g != w {
				t.Errorf("line %d:\n got %s\nwant %s", i+1, g, w)
			}
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
