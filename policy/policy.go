// Package policy is the security-policy dialect: Google's CEL with the variables of
// a request and its answer, and macros that spare an expression the run-time errors
// of absent headers, cookies and query strings (KrakenD v3, 4).
package policy

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
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
	if len(expression) > maxLength {
		return nil, fmt.Errorf("the expression has %d bytes: at most %d are allowed", len(expression), maxLength)
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, asOneLine(issues)
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("the expression gives %s: it must give true or false", cel.FormatCELType(t))
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost))
	if err != nil {
		return nil, err
	}
	return func(s *moesif.Subject) (bool, error) {
		out, _, err := program.Eval(&exchange{subject: s})
		if err != nil {
			return false, err
		}
		return out == types.True, nil
	}, nil
}

// asOneLine names every mistake with the column it stands at, counted from 1.
func asOneLine(issues *cel.Issues) error {
	var mistakes []string
	for _, e := range issues.Errors() {
		at := fmt.Sprintf("column %d", e.Location.Column()+1)
		if line := e.Location.Line(); line > 1 {
			at = fmt.Sprintf("line %d, %s", line, at)
		}
		mistakes = append(mistakes, strings.ReplaceAll(e.Message, "\n", " ")+" ("+at+")")
	}
	return errors.New(strings.Join(mistakes, "; "))
}
