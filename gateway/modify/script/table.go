package script

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// The names and methods of luaTable, luaList and luaNil are from memory of KrakenD's
// documentation; its reference here is silent. Chosen: indexes of lists begin with 0,
// as theirs do; a null reads as nil; nil that is set is a null; keys come sorted.

// typeNames are also those under which a state keeps their metatables.
const (
	tableType = "luaTable"
	listType  = "luaList"
	nilType   = "luaNil"
)

// maxGrown bounds how far set may lengthen a list that is shorter, in elements.
const maxGrown = 1 << 16

// addTypes makes luaTable, luaList and luaNil known to l.
func addTypes(l *lua.LState) {
	for name, methods := range map[string]map[string]lua.LGFunction{
		tableType: {"get": tableGet, "set": tableSet, "del": tableDel, "len": tableLen, "keys": tableKeys, "keyExists": tableHas},
		listType:  {"get": listGet, "set": listSet, "del": listDel, "len": listLen},
		nilType:   {},
	} {
		meta := l.NewTypeMetatable(name)
		meta.RawSetString("__index", l.SetFuncs(l.NewTable(), methods))
		meta.RawSetString("__metatable", lua.LFalse)
		meta.RawSetString("__tostring", l.NewFunction(func(l *lua.LState) int {
			l.Push(lua.LString(name))
			return 1
		}))
	}
	for name, made := range map[string]func() any{
		tableType: func() any { return object{} },
		listType:  func() any { return &list{} },
		nilType:   func() any { return null{} },
	} {
		constructor := l.NewTable()
		constructor.RawSetString("new", l.NewFunction(func(l *lua.LState) int {
			l.Push(wrapped(l, made()))
			return 1
		}))
		l.SetGlobal(name, locked(l, constructor))
	}
}

func wrapped(l *lua.LState, v any) lua.LValue {
	name := nilType
	switch v.(type) {
	case object:
		name = tableType
	case *list:
		name = listType
	}
	return &lua.LUserData{Value: v, Metatable: l.GetTypeMetatable(name), Env: l.Env}
}

// self is the value that a method was called of.
func self[T any](l *lua.LState, name string) T {
	v, ok := l.CheckUserData(1).Value.(T)
	if !ok {
		l.ArgError(1, name+" expected: call its methods by a colon")
	}
	return v
}

// given is an argument, as data.
func given(l *lua.LState, n int) any {
	v, err := newBudget(l.Context()).fromLua(l.Get(n), 0)
	if err != nil {
		l.RaiseError("%s", err.Error())
	}
	return v
}

func keyArg(l *lua.LState) string {
	name, ok := key(l.Get(2))
	if !ok {
		l.ArgError(2, "a key expected")
	}
	return name
}

func tableGet(l *lua.LState) int {
	o, name := self[object](l, tableType), keyArg(l)
	l.Push(toLua(l, o[name], func(v any) { o[name] = v }))
	return 1
}

func tableSet(l *lua.LState) int {
	self[object](l, tableType)[keyArg(l)] = given(l, 3)
	return 0
}

func tableDel(l *lua.LState) int {
	delete(self[object](l, tableType), keyArg(l))
	return 0
}

func tableLen(l *lua.LState) int {
	l.Push(lua.LNumber(len(self[object](l, tableType))))
	return 1
}

func tableHas(l *lua.LState) int {
	_, there := self[object](l, tableType)[keyArg(l)]
	l.Push(lua.LBool(there))
	return 1
}

func tableKeys(l *lua.LState) int {
	o := self[object](l, tableType)
	names := &list{make([]any, 0, len(o))}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		names.items = append(names.items, name)
	}
	l.Push(wrapped(l, names))
	return 1
}

func listGet(l *lua.LState) int {
	items, i := self[*list](l, listType), l.CheckInt(2)
	if i < 0 || i >= len(items.items) {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(toLua(l, items.items[i], func(v any) { items.items[i] = v }))
	return 1
}

// listSet lengthens the list by nulls where it has to.
func listSet(l *lua.LState) int {
	items, i := self[*list](l, listType), l.CheckInt(2)
	if i < 0 || i > len(items.items) && i >= maxGrown {
		l.ArgError(2, "no index of this list")
	}
	v := given(l, 3)
	for i >= len(items.items) {
		items.items = append(items.items, nil)
	}
	items.items[i] = v
	return 0
}

func listDel(l *lua.LState) int {
	items, i := self[*list](l, listType), l.CheckInt(2)
	if i >= 0 && i < len(items.items) {
		items.items = slices.Delete(items.items, i, i+1)
	}
	return 0
}

func listLen(l *lua.LState) int {
	l.Push(lua.LNumber(len(self[*list](l, listType).items)))
	return 1
}
