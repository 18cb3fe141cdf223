package config

import (
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// scripted are the globals that a script has without allow_open_libs, besides the
// helper that loads what it is about. They are what modify/script gives it.
var scripted = []string{
	"_G", "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "print", "rawequal", "rawget",
	"select", "setmetatable", "tonumber", "tostring", "type", "unpack", "xpcall", "math", "string", "table", "custom_error",
	"luaTable", "luaList", "luaNil", "http_response", "json_parse", "json_decode", "json_encode",
}

// openLibs are those that allow_open_libs adds.
var openLibs = []string{
	"collectgarbage", "dofile", "getfenv", "load", "loadfile", "loadstring", "module", "newproxy", "rawset", "require", "setfenv",
	"channel", "coroutine", "debug", "io", "os", "package",
}

// helpers are KrakenD's, by which a script loads what it is about.
var helpers = []string{"ctx", "request", "response"}

// notHelpers are names that scripts may count on, with what there is instead.
var notHelpers = map[string]string{
	"json": "json_parse and json_encode", "luajson": "json_parse and json_encode", "http_request": "http_response.new",
}

// usedName is a global that a script reads, and where: file:line.
type usedName struct{ name, where string }

// globals looks at the names that s uses: what is not there is refused where each run
// would fail of it; other unknown names are warned of. pre is the helper of what runs
// before; response is that of what runs behind.
func (b *block) globals(s *Script, pre string) {
	if s == nil {
		return
	}
	known := scripted
	if s.OpenLibs {
		known = slices.Concat(known, openLibs)
	}
	used, set := names(s.Sources...)
	known = slices.Concat(known, set)
	both := []string{pre}
	if s.Post != nil {
		both = append(both, "response")
	}
	b.judge(used, slices.Concat(known, both), both)
	used, set = names(s.Pre)
	b.judge(used, slices.Concat(known, set, both[:1]), both[:1])
	if s.Post != nil {
		used, set = names(s.Post)
		b.judge(used, slices.Concat(known, set, both[1:]), both[1:])
	}
	s.Body = mentions("body", append(slices.Clone(s.Sources), s.Pre)...) && s.RunsBefore()
}

// judge says what is wrong with names that a script uses, each once.
func (b *block) judge(used []usedName, known, loaders []string) {
	var said []string
	for _, u := range used {
		if slices.Contains(known, u.name) || slices.Contains(said, u.name) {
			continue
		}
		said = append(said, u.name)
		instead, isNone := notHelpers[u.name]
		switch {
		case slices.Contains(openLibs, u.name):
			b.problem(b.path, "%s: uses %s, which needs allow_open_libs", u.where, u.name)
		case slices.Contains(helpers, u.name):
			b.problem(b.path, "%s: uses %s, which is not there (%s is)", u.where, u.name, loaders[0])
		case isNone:
			b.problem(b.path, "%s: uses %s, which is not there and no source sets (there is %s)", u.where, u.name, instead)
		default:
			b.warn(b.path, "%s: nothing sets %s%s", u.where, u.name, didYouMean(u.name, known))
		}
	}
}

// names are the globals that ps read, in the order in which they stand there, and
// those that they set.
func names(ps ...*lua.FunctionProto) (used []usedName, set []string) {
	for _, p := range ps {
		eachProto(p, func(p *lua.FunctionProto) {
			for i, instruction := range p.Code {
				name := func() string { return p.Constants[instruction&0x3ffff].String() }
				switch int(instruction >> 26) {
				case lua.OP_SETGLOBAL:
					set = append(set, name())
				case lua.OP_GETGLOBAL:
					used = append(used, usedName{name(), fmt.Sprintf("%s:%d", p.SourceName, p.DbgSourcePositions[i])})
				}
			}
		})
	}
	return used, set
}

func mentions(text string, ps ...*lua.FunctionProto) (found bool) {
	for _, p := range ps {
		eachProto(p, func(p *lua.FunctionProto) {
			found = found || slices.Contains(p.Constants, lua.LValue(lua.LString(text)))
		})
	}
	return found
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
