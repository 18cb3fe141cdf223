package config

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	luasyntax "github.com/yuin/gopher-lua/parse"
)

// Script is modifier/lua-endpoint or modifier/lua-backend, compiled: what runs
// before a request goes on.
type Script struct {
	Sources  []*lua.FunctionProto // files, run first each time
	Pre      *lua.FunctionProto
	OpenLibs bool // os, io and the like are there
	Body     bool // it may look at the body
}

// maxScript bounds, in bytes, a file of sources.
const maxScript = 1 << 20

// scripted are the globals that a script has without allow_open_libs, besides the
// helper that loads the request. They are what modify/script gives it.
var scripted = []string{
	"_G", "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "print", "rawequal", "rawget",
	"select", "setmetatable", "tonumber", "tostring", "type", "unpack", "xpcall", "math", "string", "table", "custom_error",
}

// openLibs are those that allow_open_libs adds.
var openLibs = []string{
	"collectgarbage", "dofile", "getfenv", "load", "loadfile", "loadstring", "module", "newproxy", "rawset", "require", "setfenv",
	"channel", "coroutine", "debug", "io", "os", "package",
}

// helpersToCome are KrakenD's that are not there.
var helpersToCome = []string{"request", "response", "ctx", "http_response", "luaTable", "luaList", "luaNil", "json"}

// script reads a Lua block, whose helper is ctx or request; nil for a nil block.
func (b *block) script(helper string) *Script {
	if b == nil {
		return nil
	}
	s := &Script{OpenLibs: b.flag("allow_open_libs")}
	b.refuse("post", "answers would not be changed by it")
	b.refuse("skip_next", "the backend would be asked all the same")
	if b.flag("live") {
		b.warn(b.at("live"), "ignored: the files are read at start")
	}
	before := len(b.problems)
	sums := b.pairs("md5")
	for i, file := range b.texts("sources") {
		if p := b.scriptFile(b.elementAt("sources", i), file, sums); p != nil {
			s.Sources = append(s.Sources, p)
		}
	}
	switch pre := b.text("pre"); {
	case pre != "":
		s.Pre = b.chunk(b.at("pre"), "pre", []byte(pre))
	case len(s.Sources) == 0 && len(b.problems) == before && !b.has("post"):
		b.problem(b.at("pre"), "missing: what to run before the request goes on")
	}
	b.close(nil)
	if len(b.problems) > before {
		return nil
	}
	b.globals(s, helper)
	return s
}

func (b *block) scriptFile(path, file string, sums map[string]string) *lua.FunctionProto {
	text, err := smallFile(file, maxScript)
	if err != nil {
		b.problem(path, "%v", err)
		return nil
	}
	sum := md5.Sum(text) // KrakenD's key, for files that the operator owns
	if want, ok := sums[file]; ok && !strings.EqualFold(want, hex.EncodeToString(sum[:])) {
		b.problem(path, "the file is not the one that md5 is of (got %x)", sum)
		return nil
	}
	return b.chunk(path, file, text)
}

func (b *block) chunk(path, name string, text []byte) *lua.FunctionProto {
	tree, err := luasyntax.Parse(bytes.NewReader(text), name)
	if err == nil {
		var p *lua.FunctionProto
		if p, err = lua.Compile(tree, name); err == nil {
			return p
		}
	}
	b.problem(path, "not Lua: %s", strings.Join(strings.Fields(err.Error()), " "))
	return nil
}

// globals looks at the names that a script uses: helpers that are not there are
// refused, since each run would fail; other unknown names are warned of.
func (b *block) globals(s *Script, helper string) {
	known := append(slices.Clone(scripted), helper)
	if s.OpenLibs {
		known = append(known, openLibs...)
	}
	var used []string
	for _, p := range append(slices.Clone(s.Sources), s.Pre) {
		eachProto(p, func(p *lua.FunctionProto) {
			for _, c := range p.Constants {
				s.Body = s.Body || c == lua.LString("body")
			}
			for _, instruction := range p.Code {
				name := func() string { return p.Constants[instruction&0x3ffff].String() }
				switch int(instruction >> 26) {
				case lua.OP_SETGLOBAL:
					known = append(known, name())
				case lua.OP_GETGLOBAL:
					used = append(used, name())
				}
			}
		})
	}
	slices.Sort(used)
	for _, name := range slices.Compact(used) {
		switch {
		case slices.Contains(known, name):
		case slices.Contains(openLibs, name):
			b.problem(b.path, "the script uses %s, which needs allow_open_libs", name)
		case slices.Contains(helpersToCome, name):
			b.problem(b.path, "not supported yet: %s is not there (here a script has %s, custom_error, math, string and table)", name, helper)
		default:
			b.warn(b.path, "nothing sets %s, which the script uses%s", name, didYouMean(name, known))
		}
	}
}

func eachProto(p *lua.FunctionProto, visit func(*lua.FunctionProto)) {
	if p == nil {
		return
	}
	visit(p)
	for _, inner := range p.FunctionPrototypes {
		eachProto(inner, visit)
	}
}
