// Package script runs the Lua of modifier/lua-endpoint, -proxy and -backend. A script
// has what is needed to look at and change a request or an answer, and to call others
// by http_response; nothing of the machine, unless allow_open_libs gives it that.
package script

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Script runs one configuration's script. It is safe for concurrent use.
type Script struct {
	config *config.Script
	helper string // the global whose load gives the request
	logger *slog.Logger
	client *http.Client
	states sync.Pool // of *lua.LState that nothing has been left in
}

// New prepares s, whose requests are loaded by helper: ctx or request. transport makes
// the calls of http_response.
func New(s *config.Script, helper string, transport http.RoundTripper, logger *slog.Logger) *Script {
	return &Script{config: s, helper: helper, logger: logger, client: newClient(transport)}
}

// Error is how a script ends a request: custom_error(text, status, contentType).
type Error struct {
	Status            int
	Text, ContentType string
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// Bounds on a script: calls inside calls, and values on its stack.
const (
	maxCalls = 200
	maxStack = 64 << 10
)

// Run runs the script over r until ctx ends. The error is an *Error where the script
// says so.
func (s *Script) Run(ctx context.Context, r *Request) error {
	return s.over(ctx, s.helper, r, s.config.Pre)
}

// RunPost runs what is to run behind a call over its answer, as Run.
func (s *Script) RunPost(ctx context.Context, r *Response) error {
	if err := s.over(ctx, "response", r, s.config.Post); err != nil {
		return err
	}
	return r.settle(ctx)
}

// loaded is what a helper's load gives.
type loaded interface {
	helper(l *lua.LState) lua.LValue
}

// over runs the sources, then main, whose global of that name loads r.
//
// Each run has globals of its own: what one sets no other sees. With open libraries,
// which keep things elsewhere, each run has a whole state of its own.
func (s *Script) over(ctx context.Context, name string, r loaded, main *lua.FunctionProto) error {
	l, _ := s.states.Get().(*lua.LState)
	if l == nil {
		l = s.newState()
	}
	l.SetContext(counted(ctx))
	err := s.run(l, name, r, main)
	l.RemoveContext()
	if err != nil || s.config.OpenLibs {
		l.Close()
		return err
	}
	l.SetTop(0)
	s.states.Put(l)
	return nil
}

func (s *Script) run(l *lua.LState, name string, r loaded, main *lua.FunctionProto) error {
	env := l.NewTable()
	env.RawSetString("_G", env)
	env.Metatable = l.GetGlobal(behind)
	env.RawSetString(name, r.helper(l))
	for _, p := range append(s.config.Sources[:len(s.config.Sources):len(s.config.Sources)], main) {
		if p == nil {
			continue
		}
		f := l.NewFunctionFromProto(p)
		f.Env = env
		l.Push(f)
		if err := l.PCall(0, 0, nil); err != nil {
			return ended(err)
		}
	}
	return nil
}

// ended is what a script's error means.
func ended(err error) error {
	var raised *lua.ApiError
	if !errors.As(err, &raised) {
		return err
	}
	if u, ok := raised.Object.(*lua.LUserData); ok {
		if own, ok := u.Value.(*Error); ok {
			return own
		}
	}
	if raised.Object != nil && raised.Object != lua.LNil {
		return errors.New(raised.Object.String()) // without the stack
	}
	return err
}

// behind names the metatable that gives a run's globals those of the state. No
// script can spell it.
const behind = "@behind"

// newState makes a state with the libraries that a script may use.
func (s *Script) newState() *lua.LState {
	l := lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: maxCalls, MinimizeStackMemory: true,
		RegistrySize: 256, RegistryMaxSize: maxStack, RegistryGrowStep: 256,
	})
	if s.config.OpenLibs {
		l.OpenLibs()
	} else {
		sandbox(l)
	}
	l.SetGlobal("print", l.NewFunction(s.print))
	for name, f := range map[string]lua.LGFunction{
		"custom_error": customError, "json_parse": jsonParse, "json_decode": jsonParse, "json_encode": jsonEncode,
	} {
		l.SetGlobal(name, l.NewFunction(f))
	}
	addTypes(l)
	s.addCalls(l)
	global := l.G.Global
	global.RawSetString("_G", lua.LNil)
	meta := l.NewTable()
	meta.RawSetString("__index", global)
	meta.RawSetString("__metatable", lua.LFalse)
	l.SetGlobal(behind, meta)
	return l
}

// sandbox opens what only computes, and locks it: what is shared between runs can't
// be changed by one.
func sandbox(l *lua.LState) {
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString, lua.MathLibName: lua.OpenMath,
	} {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	for _, name := range []string{
		"_printregs", "collectgarbage", "dofile", "getfenv", "load", "loadfile", "loadstring", "module", "newproxy", "rawset", "require", "setfenv",
	} {
		l.SetGlobal(name, lua.LNil)
	}
	if texts, ok := l.GetGlobal(lua.StringLibName).(*lua.LTable); ok {
		texts.RawSetString("rep", l.NewFunction(repeat))
	}
	for _, name := range []string{lua.TabLibName, lua.StringLibName, lua.MathLibName} {
		if library, ok := l.GetGlobal(name).(*lua.LTable); ok {
			l.SetGlobal(name, locked(l, library))
		}
	}
	if meta, ok := l.GetMetatable(lua.LString("")).(*lua.LTable); ok {
		meta.RawSetString("__metatable", lua.LFalse)
	}
}

// locked is a table that reads as t and can't be changed.
func locked(l *lua.LState, t *lua.LTable) *lua.LTable {
	meta := l.NewTable()
	meta.RawSetString("__index", t)
	meta.RawSetString("__newindex", l.NewFunction(func(l *lua.LState) int {
		l.RaiseError("a library can't be changed")
		return 0
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	front := l.NewTable()
	front.Metatable = meta
	return front
}

// maxRepeated bounds, in bytes, what string.rep makes: it can't be interrupted.
const maxRepeated = 1 << 20

func repeat(l *lua.LState) int {
	text, n := l.CheckString(1), max(l.CheckInt(2), 0)
	if len(text) > 0 && n > maxRepeated/len(text) {
		l.RaiseError("string.rep makes %d bytes at most", maxRepeated)
	}
	l.Push(lua.LString(strings.Repeat(text, n)))
	return 1
}

// print goes to the log.
func (s *Script) print(l *lua.LState) int {
	text := ""
	for i := 1; i <= l.GetTop(); i++ {
		if i > 1 {
			text += "\t"
		}
		text += l.ToStringMeta(l.Get(i)).String()
	}
	s.logger.Debug("lua", slog.String("print", text))
	return 0
}

func customError(l *lua.LState) int {
	e := &Error{Text: l.CheckString(1), Status: l.OptInt(2, 500), ContentType: l.OptString(3, "")}
	if e.Status < 200 || e.Status > 599 {
		e.Status = 500
	}
	l.Error(&lua.LUserData{Value: e}, 1)
	return 0
}
