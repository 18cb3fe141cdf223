package policy

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/gatemeter/gatemeter/moesif/identity"
)

// macros are the functions that look into the request by themselves. Each is
// written name(x) in an expression and expanded to a function of the exchange.
func macros() []cel.EnvOption {
	options := []cel.EnvOption{cel.Variable(itself, itselfType)}
	for _, m := range []struct {
		has, get string
		look     func(x *exchange, name string) (value string, present bool)
	}{
		{"hasHeader", "getHeader", func(x *exchange, name string) (string, bool) { return field(x.subject.Headers, name) }},
		{"hasCookie", "getCookie", (*exchange).cookie},
		{"hasQuerystring", "getQuerystring", func(x *exchange, name string) (string, bool) { return identity.Query(x.subject.RawQuery, name) }},
	} {
		options = append(options, lookup(m.has, cel.BoolType, func(x *exchange, name string) ref.Val {
			_, present := m.look(x, name)
			return types.Bool(present)
		})...)
		options = append(options, lookup(m.get, cel.StringType, func(x *exchange, name string) ref.Val {
			value, _ := m.look(x, name)
			return types.String(value)
		})...)
	}
	return append(options, between(), cel.Function("isEmpty",
		cel.Overload("is_empty_string", []*cel.Type{cel.StringType}, cel.BoolType, cel.UnaryBinding(isEmpty)),
		cel.Overload("is_empty_list", []*cel.Type{cel.ListType(cel.DynType)}, cel.BoolType, cel.UnaryBinding(isEmpty)),
		cel.Overload("is_empty_map", []*cel.Type{cel.MapType(cel.DynType, cel.DynType)}, cel.BoolType, cel.UnaryBinding(isEmpty))))
}

// lookup declares the macro name(x), and what it stands for.
func lookup(name string, result *cel.Type, call func(x *exchange, name string) ref.Val) []cel.EnvOption {
	hidden := "@" + name
	binding := func(of, name ref.Val) ref.Val {
		x, ok := of.(*exchange)
		text, isText := name.(types.String)
		if !ok || !isText {
			return types.MaybeNoSuchOverloadErr(name)
		}
		return call(x, string(text))
	}
	return []cel.EnvOption{
		cel.Function(hidden, cel.Overload(hidden, []*cel.Type{itselfType, cel.StringType}, result, cel.BinaryBinding(binding))),
		cel.Macros(cel.GlobalMacro(name, 1, func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return f.NewCall(hidden, f.NewIdent(itself), args[0]), nil
		})),
	}
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
	low, high := v.Compare(args[1]), v.Compare(args[2])
	for _, c := range []ref.Val{low, high} {
		if types.IsError(c) {
			return c
		}
	}
	return types.Bool(low != types.IntNegOne && high != types.IntOne)
}

func isEmpty(v ref.Val) ref.Val {
	sized, ok := v.(traits.Sizer)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.Bool(sized.Size() == types.IntZero)
}
