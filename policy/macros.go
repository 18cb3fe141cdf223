package policy

import (
	"net/textproto"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// macros are the functions that look into the request by themselves. Each is
// written name(x) in an expression and expanded to a function of the map it needs.
func macros() []cel.EnvOption {
	lists := cel.MapType(cel.StringType, cel.ListType(cel.StringType))
	var options []cel.EnvOption
	for _, m := range []struct {
		name, variable string
		result         *cel.Type
		call           func(values ref.Val, name ref.Val) ref.Val
	}{
		{"hasHeader", "req_headers", cel.BoolType, func(v, n ref.Val) ref.Val { return has(v, canonical(n)) }},
		{"getHeader", "req_headers", cel.StringType, func(v, n ref.Val) ref.Val { return first(v, canonical(n)) }},
		{"hasQuerystring", "req_querystring", cel.BoolType, has},
		{"getQuerystring", "req_querystring", cel.StringType, first},
		{"hasCookie", "req_headers", cel.BoolType, func(v, n ref.Val) ref.Val {
			_, ok := cookie(v, n)
			return types.Bool(ok)
		}},
		{"getCookie", "req_headers", cel.StringType, func(v, n ref.Val) ref.Val {
			value, _ := cookie(v, n)
			return types.String(value)
		}},
	} {
		hidden := "@" + m.name
		options = append(options,
			cel.Function(hidden, cel.Overload(hidden, []*cel.Type{lists, cel.StringType}, m.result, cel.BinaryBinding(m.call))),
			cel.Macros(cel.GlobalMacro(m.name, 1, func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
				return f.NewCall(hidden, f.NewIdent(m.variable), args[0]), nil
			})))
	}
	return append(options, between(), cel.Function("isEmpty",
		cel.Overload("is_empty_string", []*cel.Type{cel.StringType}, cel.BoolType, cel.UnaryBinding(isEmpty)),
		cel.Overload("is_empty_list", []*cel.Type{cel.ListType(cel.DynType)}, cel.BoolType, cel.UnaryBinding(isEmpty)),
		cel.Overload("is_empty_map", []*cel.Type{cel.MapType(cel.DynType, cel.DynType)}, cel.BoolType, cel.UnaryBinding(isEmpty))))
}

// between is between(v, low, high) and v.between(low, high), both ends included.
func between() cel.EnvOption {
	var overloads []cel.FunctionOpt
	for name, t := range map[string]*cel.Type{"int": cel.IntType, "double": cel.DoubleType} {
		three := []*cel.Type{t, t, t}
		overloads = append(overloads,
			cel.Overload("between_"+name, three, cel.BoolType, cel.FunctionBinding(within)),
			cel.MemberOverload(name+"_between", three, cel.BoolType, cel.FunctionBinding(within)))
	}
	return cel.Function("between", overloads...)
}

func within(args ...ref.Val) ref.Val {
	v, ok := args[0].(traits.Comparer)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	return types.Bool(v.Compare(args[1]) != types.IntNegOne && v.Compare(args[2]) != types.IntOne)
}

func isEmpty(v ref.Val) ref.Val {
	sized, ok := v.(traits.Sizer)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.Bool(sized.Size() == types.IntZero)
}

func canonical(name ref.Val) ref.Val {
	if s, ok := name.(types.String); ok {
		return types.String(textproto.CanonicalMIMEHeaderKey(string(s)))
	}
	return name
}

func has(values, name ref.Val) ref.Val {
	m, ok := values.(traits.Mapper)
	if !ok {
		return types.MaybeNoSuchOverloadErr(values)
	}
	return m.Contains(name)
}

// first is the first value under name, "" when there is none.
func first(values, name ref.Val) ref.Val {
	m, ok := values.(traits.Mapper)
	if !ok {
		return types.MaybeNoSuchOverloadErr(values)
	}
	found, ok := m.Find(name)
	if !ok {
		return types.String("")
	}
	list, ok := found.(traits.Lister)
	if !ok || list.Size() == types.IntZero {
		return types.String("")
	}
	return list.Get(types.IntZero)
}

func cookie(values, name ref.Val) (string, bool) {
	wanted, ok := name.(types.String)
	if !ok {
		return "", false
	}
	native, err := values.ConvertToNative(reflect.TypeFor[map[string][]string]())
	if err != nil {
		return "", false
	}
	return header(native.(map[string][]string)).cookie(string(wanted))
}
