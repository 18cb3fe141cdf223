// Package policy is the security-policy dialect: Google's CEL with the variables of
// a request and its answer, and macros that spare an expression the run-time errors
// of absent headers, cookies and query strings (KrakenD v3, 4).
package policy

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"

	"github.com/gatemeter/gatemeter/moesif"
)

// Bounds on an expression: its length in bytes, and the work one evaluation may
// do, in CEL's own units (about one per operation).
const (
	maxLength = 16 << 10
	maxCost   = 100_000
)

// Compile makes a predicate of an expression, for moesif.Options.Compile. An
// expression that does not parse, names something unknown or is not boolean is
// an error that shows where. The predicate fails on what only shows at run time:
// an absent map key, or more work than is allowed.
func Compile(expression string) (moesif.Predicate, error) {
	env, ast, err := parse(expression)
	if err != nil {
		return nil, err
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("the expression gives %s: it must give true or false", cel.FormatCELType(t))
	}
	ask, err := program(env, ast)
	if err != nil {
		return nil, err
	}
	return func(s *moesif.Subject) (bool, error) { return ask(&exchange{subject: s}) }, nil
}

// parse reads an expression and checks its types.
func parse(expression string) (*cel.Env, *cel.Ast, error) {
	if len(expression) > maxLength {
		return nil, nil, fmt.Errorf("the expression has %d bytes: at most %d are allowed", len(expression), maxLength)
	}
	env, err := environment()
	if err != nil {
		return nil, nil, err
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, nil, explain(env, issues)
	}
	return env, ast, nil
}

// program makes a program of ast. What is not true is false, whatever its type.
func program(env *cel.Env, ast *cel.Ast) (func(*exchange) (bool, error), error) {
	// To optimize is to compile constant regexps once, not at each evaluation.
	program, err := env.Program(ast, append(limit(env, ast), cel.EvalOptions(cel.OptOptimize))...)
	if err != nil {
		return nil, err
	}
	return func(x *exchange) (bool, error) {
		out, _, err := program.Eval(x)
		if err != nil {
			return false, err
		}
		return out == types.True, nil
	}, nil
}

// limit bounds the work of an evaluation. To count it costs as much as the work
// itself, so it is counted only where an expression could do too much of it.
func limit(env *cel.Env, ast *cel.Ast) []cel.ProgramOption {
	if most, err := env.EstimateCost(ast, sizes{}); err == nil && most.Max <= maxCost {
		return nil
	}
	return []cel.ProgramOption{cel.CostLimit(maxCost)}
}

// sizes bounds the variables, for estimates. Lists, maps and bodies are left
// open: what walks them is counted.
type sizes struct{}

// maxText bounds, in bytes, what net/http lets into a request's head.
const maxText = 1 << 20

// EstimateSize is part of cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if path := node.Path(); len(path) == 1 {
		switch path[0] {
		case "req_method", "req_path", "now":
			return &cost.SizeEstimate{Max: maxText}
		}
	}
	return nil
}

// EstimateCallCost is part of cost.Estimator: functions cost what CEL says.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
