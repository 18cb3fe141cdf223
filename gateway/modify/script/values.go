package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// object is what a luaTable stands for. Scripts change it in place.
type object map[string]any

// list is what a luaList stands for. While a script runs it takes the place of the
// array that it was made of, so that whoever gets that array again sees what has
// become of it; plain puts arrays back.
type list struct{ items []any }

// null is what luaNil.new gives.
type null struct{}

// Bounds on what a script may build: values inside values, and all of them together in
// bytes, where each value counts as perValue beside its text.
const (
	maxDepth = 200
	maxData  = 64 << 20
	perValue = 64
)

var (
	errTooDeep  = fmt.Errorf("values are at most %d deep", maxDepth)
	errTooMuch  = fmt.Errorf("values of more than %d bytes", maxData)
	errNoNumber = errors.New("a number has to be finite")
)

// toLua gives the script what v is: luaTable and luaList stand for objects and
// arrays, nil for null. in is where v stands: it gets what the script may change.
func toLua(l *lua.LState, v any, in func(any)) lua.LValue {
	switch v := v.(type) {
	case nil:
		return lua.LNil
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case json.Number:
		n, _ := v.Float64() // out of range is infinite
		return lua.LNumber(n)
	case float64:
		return lua.LNumber(v)
	case int:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case uint64:
		return lua.LNumber(v)
	case map[string]any:
		return wrapped(l, object(v))
	case []any:
		items := &list{v}
		in(items)
		return wrapped(l, items)
	case *list:
		return wrapped(l, v)
	case interface{ Object() map[string]any }: // error details
		o := v.Object()
		in(o)
		return wrapped(l, object(o))
	}
	return lua.LString(fmt.Sprint(v))
}

// budget bounds what is gone through, since no script's end interrupts that.
type budget struct {
	left int
	ctx  context.Context // of the run
	n    uint            // values so far
}

func newBudget(ctx context.Context) *budget { return &budget{left: maxData, ctx: ctx} }

func (b *budget) take(n, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if b.left -= n + perValue; b.left < 0 {
		return errTooMuch
	}
	if b.n++; b.n%4096 == 0 {
		return b.ctx.Err()
	}
	return nil
}

// fromLua is the value that a script gives. A table that has the keys 1 to n is an
// array, any other one an object: so is an empty one.
func (b *budget) fromLua(v lua.LValue, depth int) (any, error) {
	if err := b.take(0, depth); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LNumber:
		return number(float64(v))
	case lua.LString:
		return string(v), b.take(len(v), depth)
	case *lua.LUserData:
		switch v := v.Value.(type) {
		case null:
			return nil, nil
		case object:
			return map[string]any(v), nil
		case *list:
			return v, nil
		}
	case *lua.LTable:
		return b.fromTable(v, depth)
	}
	return nil, fmt.Errorf("a %s can't be a part of data", v.Type())
}

func (b *budget) fromTable(t *lua.LTable, depth int) (any, error) {
	var failed error
	if n := t.Len(); n > 0 && n == count(t) {
		items := make([]any, 0, n)
		for i := 1; i <= n; i++ {
			v, err := b.fromLua(t.RawGetInt(i), depth+1)
			if err != nil {
				return nil, err
			}
			items = append(items, v)
		}
		return &list{items}, nil
	}
	o := map[string]any{}
	t.ForEach(func(k, v lua.LValue) {
		if failed != nil {
			return
		}
		name, ok := key(k)
		if !ok {
			failed = fmt.Errorf("a %s can't be a key of data", k.Type())
			return
		}
		if failed = b.take(len(name), depth); failed == nil {
			o[name], failed = b.fromLua(v, depth+1)
		}
	})
	return o, failed
}

func count(t *lua.LTable) int {
	n := 0
	t.ForEach(func(lua.LValue, lua.LValue) { n++ })
	return n
}

func key(k lua.LValue) (string, bool) {
	switch k := k.(type) {
	case lua.LString:
		return string(k), true
	case lua.LNumber:
		return strconv.FormatFloat(float64(k), 'f', -1, 64), true
	}
	return "", false
}

// number is whole where it can be: 5, not 5.0, in every encoding.
func number(n float64) (any, error) {
	switch {
	case math.IsNaN(n), math.IsInf(n, 0):
		return nil, errNoNumber
	case n == math.Trunc(n) && math.Abs(n) < 1<<53:
		return int64(n), nil
	}
	return n, nil
}

// plain is a copy of v without a list in it, nor a value that is inside itself.
func (b *budget) plain(v any, depth int) (any, error) {
	if err := b.take(0, depth); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case string:
		return v, b.take(len(v), depth)
	case json.Number:
		return v, b.take(len(v), depth)
	case *list:
		return b.plainList(v.items, depth)
	case []any:
		return b.plainList(v, depth)
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			if err := b.take(len(name), depth); err != nil {
				return nil, err
			}
			var err error
			if out[name], err = b.plain(inner, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

func (b *budget) plainList(items []any, depth int) (any, error) {
	out := slices.Clone(items)
	if out == nil {
		out = []any{} // not null
	}
	for i := range out {
		var err error
		if out[i], err = b.plain(out[i], depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}
