package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	lua "github.com/yuin/gopher-lua"
)

// jsonParse is json_parse(text), and json_decode: both names are from memory. It
// gives a luaTable or a luaList for an object or an array; text that is no JSON ends
// the script.
func jsonParse(l *lua.LState) int {
	d := json.NewDecoder(bytes.NewReader([]byte(l.CheckString(1))))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one value")
		}
	}
	if err != nil {
		l.RaiseError("%s", fmt.Sprintf("json_parse: %v", err))
	}
	l.Push(toLua(l, v, func(any) {}))
	return 1
}

// jsonEncode is json_encode(value), for tables of Lua as well.
func jsonEncode(l *lua.LState) int {
	b := newBudget(l.Context())
	v, err := b.fromLua(l.CheckAny(1), 0)
	if err == nil {
		v, err = b.plain(v, 0)
	}
	var text bytes.Buffer
	if err == nil {
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		err = e.Encode(v)
	}
	if err != nil {
		l.RaiseError("%s", fmt.Sprintf("json_encode: %v", err))
	}
	l.Push(lua.LString(bytes.TrimSuffix(text.Bytes(), []byte("\n"))))
	return 1
}
