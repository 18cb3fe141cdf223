package script

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func compiled(t testing.TB, text string) *lua.FunctionProto {
	t.Helper()
	tree, err := parse.Parse(strings.NewReader(text), "pre")
	if err != nil {
		t.Fatal(err)
	}
	p, err := lua.Compile(tree, "pre")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func scriptOf(t testing.TB, pre string, sources ...string) *Script {
	t.Helper()
	c := &config.Script{Pre: compiled(t, pre)}
	for _, s := range sources {
		c.Sources = append(c.Sources, compiled(t, s))
	}
	return New(c, "ctx", http.DefaultTransport, slog.New(slog.DiscardHandler))
}

// box is a request of one text and one set of values.
func box() (*Request, map[string]string) {
	kept := map[string]string{}
	return &Request{
		Texts: map[string]Text{
			"text": {Get: func() (string, error) { return kept["text"], nil }, Set: func(v string) error { kept["text"] = v; return nil }},
			"read": {Get: func() (string, error) { return "", errors.New("no luck") }},
		},
		Keyed: map[string]Values{"values": {Get: func(k string) string { return kept[k] }, Set: func(k, v string) error { kept[k] = v; return nil }}},
	}, kept
}

func TestAScriptReadsAndChangesItsRequest(t *testing.T) {
	s := scriptOf(t, `local c = ctx.load(); c:text("a" .. c:text()); c:values("k", double(c:values("n"))); c:values("gone", nil)`,
		`function double(x) return tostring(tonumber(x) * 2) end`)
	r, kept := box()
	kept["text"], kept["n"], kept["gone"] = "b", "21", "x"
	if err := s.Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if kept["text"] != "ab" || kept["k"] != "42" || kept["gone"] != "" {
		t.Errorf("got %v", kept)
	}
}

func TestAScriptsErrorsAreTold(t *testing.T) {
	for pre, want := range map[string]string{
		`custom_error("no coffee", 418, "text/x")`: "418 no coffee text/x",
		`custom_error("no")`:                       "500 no ",
		`custom_error("no", 99)`:                   "500 no ",
		`pcall(custom_error, "caught")`:            "",
		`error("mine")`:                            "pre:1: mine",
		`error({})`:                                "table: ",
		`local x = nil; x.y = 1`:                   "pre:1: attempt to index a non-table object(nil) with key 'y'",
		`ctx.load():read()`:                        "pre:1: no luck",
		`ctx.load():read("x")`:                     "pre:1: this can't be changed",
		`ctx.load().values()`:                      "pre:1: bad argument #2 to values",
		`function f() return f() + 1 end f()`:      "stack overflow",
		`("x"):rep(2000000000)`:                    "string.rep makes 1048576 bytes at most",
	} {
		r, _ := box()
		err := scriptOf(t, pre).Run(t.Context(), r)
		got := ""
		var own *Error
		switch {
		case errors.As(err, &own):
			got = strconv.Itoa(own.Status) + " " + own.Text + " " + own.ContentType
		case err != nil:
			got = err.Error()
		}
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", pre, got, want)
		}
	}
}

func TestAScriptReachesNothingOfTheMachine(t *testing.T) {
	for _, name := range []string{
		"os", "io", "debug", "package", "require", "module", "dofile", "loadfile", "load", "loadstring", "rawset",
		"setfenv", "getfenv", "collectgarbage", "newproxy", "_printregs", "coroutine", "channel", `_G["@behind"].x`,
	} {
		r, kept := box()
		err := scriptOf(t, `ctx.load():text(type(`+name+`))`).Run(t.Context(), r)
		if err == nil && kept["text"] != "nil" {
			t.Errorf("%s is a %s", name, kept["text"])
		}
	}
}

// Whatever a run does, the next one finds the state as it was.
func TestNothingIsLeftForTheNextRun(t *testing.T) {
	for name, change := range map[string]string{
		"a global":          `leak = 1`,
		"through _G":        `_G.leak = 1`,
		"a library":         `pcall(function() string.leak = 1 end)`,
		"a method":          `pcall(function() getmetatable("").__index.leak = 1 end)`,
		"a metatable":       `pcall(function() setmetatable(string, {__index = {leak = 1}}) end)`,
		"of globals":        `pcall(function() setmetatable(_G, {__index = {leak = 1}}) end)`,
		"behind globals":    `pcall(function() getmetatable(_G).__index.leak = 1 end)`,
		"in a function":     `function set() leak = 1 end set()`,
		"of a source":       `remember()`,
		"a replaced global": `tostring = function() return "leak" end`,
	} {
		s := scriptOf(t, `
			local c = ctx.load()
			c:text(tostring(leak) .. tostring(string.leak) .. tostring(("").leak) .. tostring(kept))
			`+change, `function remember() kept = 1 end`)
		for range 3 {
			r, kept := box()
			if err := s.Run(t.Context(), r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if kept["text"] != "nilnilnilnil" {
				t.Fatalf("%s: the next run finds %q", name, kept["text"])
			}
		}
	}
}

func TestOpenLibrariesAreThereWhereTheyAreAllowed(t *testing.T) {
	s := scriptOf(t, `ctx.load():text(type(os.time) .. type(io.open))`)
	s.config.OpenLibs = true
	r, kept := box()
	if err := s.Run(t.Context(), r); err != nil || kept["text"] != "functionfunction" {
		t.Errorf("got %q, %v", kept["text"], err)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, _ := box()
	s := scriptOf(t, `while not pcall(error) do end while true do end`)
	if err := s.Run(ctx, r); err == nil || ctx.Err() == nil {
		t.Errorf("ended with %v", err)
	}
}

func TestManyRunAtOnce(t *testing.T) {
	s := scriptOf(t, `local c = ctx.load(); n = tonumber(c:text()); for i = 1, 100 do n = n + 1 end c:text(tostring(n))`)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 50 {
				r, kept := box()
				kept["text"] = strconv.Itoa(i)
				if err := s.Run(t.Context(), r); err != nil || kept["text"] != strconv.Itoa(i+100) {
					t.Errorf("%d: got %q, %v", i, kept["text"], err)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkRun(b *testing.B) {
	s := scriptOf(b, `local c = ctx.load(); c:values("k", c:text())`)
	r, _ := box()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Run(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
