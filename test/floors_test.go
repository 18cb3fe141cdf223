// Package test holds what only the whole house can show: which room may use
// which, and the way of one request from the gateway to the console's API.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gatemeter/gatemeter"

// floors says which of our packages a room may import: those with one of the
// prefixes. A room's own subfolders are always allowed, and the first entry that
// fits a package decides.
var floors = []struct {
	room string
	may  []string
}{
	{"moesif/wire", []string{"moesif/scan"}},
	{"moesif/scan", nil},
	{"moesif/identity", []string{"moesif/wire", "moesif/scan"}},
	{"moesif/mask", []string{"moesif/wire", "moesif/scan"}},
	{"moesif/rule", []string{"moesif/wire", "moesif/scan"}},
	{"moesif/queue", nil},
	{"moesif/push", []string{"moesif/wire", "moesif/scan", "moesif/queue"}},
	{"moesif/govern", []string{"moesif/wire", "moesif/scan", "moesif/rule"}},
	{"moesif", []string{"moesif"}},
	{"policy", []string{"moesif"}},
	{"gateway/config", []string{"moesif", "policy"}},
	{"gateway/telemetry", []string{"moesif", "gateway/config"}},
	{"gateway/route", nil},
	{"gateway/security", []string{"moesif", "gateway/config"}},
	{"gateway/limit", []string{"moesif", "policy", "gateway/config"}},
	{"gateway/auth", []string{"moesif", "gateway/config"}},
	{"gateway/modify", []string{"moesif", "policy", "gateway/config"}},
	{"gateway/backend", []string{"gateway/config", "moesif/scan"}},
	{"gateway/pipe", []string{"moesif", "policy", "gateway/config", "gateway/auth", "gateway/backend"}},
	{"gateway/audit", []string{"gateway/config"}},
	{"gateway", []string{"moesif", "policy", "gateway"}},
	{"platform/state", siblings(0)},
	{"platform/access", siblings(1)},
	{"platform/journal", siblings(2)},
	{"platform/events", siblings(3)},
	{"platform/customers", siblings(4)},
	{"platform/rules", siblings(5)},
	{"platform/load", siblings(6)},
	{"platform/backup", siblings(7)},
	{"platform/retention", siblings(8)},
	{"platform/erase", siblings(9)},
	{"platform/sources", siblings(10)},
	{"platform/collect", siblings(11)},
	{"platform/api", siblings(12)},
	{"platform", append(siblings(13), "web")},
	{"web", nil},
	{"examples", nil},
	{"plugin/krakend", []string{"moesif"}},
	{"demo", []string{"gateway", "platform", "moesif/wire", "examples"}},
	{"cmd", []string{"gateway", "platform", "demo", "moesif", "policy", "examples"}},
	{"bench", []string{"moesif/wire"}},
	{"test", nil},
}

// platformOrder is the order of the platform's rooms: each may use those before it.
var platformOrder = []string{"state", "access", "journal", "events", "customers", "rules", "load", "backup", "retention", "erase", "sources", "collect", "api"}

// siblings returns what the platform's i-th room may use.
func siblings(i int) []string {
	may := []string{"moesif/wire", "moesif/scan", "moesif/rule"}
	for _, s := range platformOrder[:i] {
		may = append(may, "platform/"+s)
	}
	return may
}

func TestImportsOnlyGoDownTheFloors(t *testing.T) {
	checked := 0
	for path, imports := range packages(t) {
		room, may, known := rulesFor(path)
		if !known {
			t.Errorf("%s: no floor is written down for this room", path)
			continue
		}
		for _, imported := range imports {
			checked++
			if !within(imported, room) && !slices.ContainsFunc(may, func(m string) bool { return within(imported, m) }) {
				t.Errorf("%s imports %s, which is not below it", path, imported)
			}
		}
	}
	if checked < 20 {
		t.Fatalf("only %d imports of our own were found: the test looks in the wrong place", checked)
	}
}

// The gateway's rooms and the platform's meet on the wire only.
func TestGatewayAndPlatformDoNotKnowEachOther(t *testing.T) {
	for path, imports := range packages(t) {
		for _, imported := range imports {
			if within(path, "gateway") && within(imported, "platform") || within(path, "platform") && within(imported, "gateway") {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}

func within(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

func rulesFor(path string) (room string, may []string, known bool) {
	for _, f := range floors {
		if within(path, f.room) {
			return f.room, f.may, true
		}
	}
	return "", nil, false
}

// packages returns the imports of our own, test files left out, of each of our packages.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() != "." && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(name, module+"/"); ok {
				found[dir] = append(found[dir], own)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
