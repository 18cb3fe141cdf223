package config

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strings"

	lua "github.com/yuin/gopher-lua"
	luasyntax "github.com/yuin/gopher-lua/parse"
)

// Script is modifier/lua-endpoint, -proxy or -backend, compiled: what runs before a
// request goes on, and over the answer that comes back.
type Script struct {
	Sources  []*lua.FunctionProto // files, run first each time
	Pre      *lua.FunctionProto   // runs before the call; nil: nothing does
	Post     *lua.FunctionProto   // runs over the answer; nil: nothing does
	SkipNext bool                 // the backend is not called
	OpenLibs bool                 // os, io and the like are there
	Body     bool                 // what runs before may look at the body
}

// maxScript bounds, in bytes, a file of sources.
const maxScript = 1 << 20

// RunsBefore reports whether something runs before the request goes on: pre, or
// sources that nothing else calls.
func (s *Script) RunsBefore() bool { return s != nil && (s.Pre != nil || s.Post == nil) }

// ConcernsCalls reports whether a call is changed, or not made.
func (s *Script) ConcernsCalls() bool { return s.RunsBefore() || s != nil && s.SkipNext }

// endpointScript reads modifier/lua-endpoint, which only runs before (KrakenD v3, 2.1).
func (b *block) endpointScript() *Script {
	if b == nil {
		return nil
	}
	for _, key := range []string{"post", "skip_next"} {
		if v, path, ok := b.find(key); ok && !empty(v) {
			b.problem(path, "modifier/lua-endpoint runs before a request goes on, and nothing else: give it to modifier/lua-proxy")
		}
	}
	s := b.script()
	b.globals(s, "ctx")
	return s
}

// callScript reads modifier/lua-proxy or modifier/lua-backend.
func (b *block) callScript() *Script {
	if b == nil {
		return nil
	}
	skip := b.flag("skip_next")
	post, where := b.text("post"), b.at("post")
	s := b.script()
	if s == nil {
		return nil
	}
	s.SkipNext = skip
	if post != "" {
		s.Post = b.chunk(where, "post", []byte(post))
	}
	b.globals(s, "request")
	return s
}

// script reads what all blocks have, nil for one that is wrong.
func (b *block) script() *Script {
	s := &Script{OpenLibs: b.flag("allow_open_libs")}
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
	case len(s.Sources) == 0 && len(b.problems) == before && b.text("post") == "" && !b.flag("skip_next"):
		b.problem(b.at("pre"), "missing: what to run before the request goes on")
	}
	b.close(nil)
	if len(b.problems) > before {
		return nil
	}
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
