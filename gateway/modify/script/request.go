package script

import (
	"net/textproto"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Request is what a script's helper loads: values that are got and set by methods
// of these names. A setter's error ends the script.
type Request struct {
	Texts map[string]Text   // r:method(), r:method("PUT")
	Keyed map[string]Values // r:headers("X-A"), r:headers("X-A", "1")
}

// Text is one value. Without Set it can only be read.
type Text struct {
	Get func() (string, error)
	Set func(string) error
}

// Values are values by name, "" where there is none.
type Values struct {
	Get func(name string) string
	Set func(name, value string) error
}

// helper implements loaded.
func (r *Request) helper(l *lua.LState) lua.LValue {
	return loader(l, func(loaded *lua.LTable) {
		for name, field := range r.Texts {
			loaded.RawSetString(name, l.NewFunction(field.call))
		}
		for name, field := range r.Keyed {
			loaded.RawSetString(name, l.NewFunction(field.call))
		}
	})
}

// loader is a helper: a table whose load gives one that fill has filled.
func loader(l *lua.LState, fill func(loaded *lua.LTable)) *lua.LTable {
	helper := l.NewTable()
	helper.RawSetString("load", l.NewFunction(func(l *lua.LState) int {
		loaded := l.NewTable()
		fill(loaded)
		l.Push(loaded)
		return 1
	}))
	return helper
}

// call is r:name() or r:name(value); r is the first argument.
func (t Text) call(l *lua.LState) int {
	if l.GetTop() < 2 {
		text, err := t.Get()
		if err != nil {
			l.RaiseError("%s", err.Error())
		}
		l.Push(lua.LString(text))
		return 1
	}
	if t.Set == nil {
		l.RaiseError("this can't be changed")
	}
	if err := t.Set(l.CheckString(2)); err != nil {
		l.RaiseError("%s", err.Error())
	}
	return 0
}

// call is r:name(key) or r:name(key, value).
func (v Values) call(l *lua.LState) int {
	key := l.CheckString(2)
	if l.GetTop() < 3 {
		l.Push(lua.LString(v.Get(key)))
		return 1
	}
	if v.Set == nil {
		l.RaiseError("this can't be changed")
	}
	value := ""
	if l.Get(3) != lua.LNil {
		value = l.CheckString(3)
	}
	if err := v.Set(key, value); err != nil {
		l.RaiseError("%s", err.Error())
	}
	return 0
}

// headerError says why a header can't be set.
type headerError string

func (e headerError) Error() string { return "header " + string(e) + " can't be set" }

// CheckHeader refuses what would break a message, or belongs to its connection.
func CheckHeader(name, value string) (canonical string, err error) {
	canonical = textproto.CanonicalMIMEHeaderKey(name)
	switch canonical {
	case "", "Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return "", headerError(canonical)
	}
	if strings.ContainsFunc(canonical, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }) {
		return "", headerError("name")
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "", headerError(canonical)
	}
	return canonical, nil
}

var _ loaded = (*Request)(nil)
