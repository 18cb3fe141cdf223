package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/gatemeter/gatemeter/moesif"
)

// Check is an expression that a request must meet (validation/cel; KrakenD v3, 4).
type Check struct {
	// Token: it is about the claims of a validated token.
	Token bool
	// What it looks at; a Subject need not hold the rest.
	Headers, Query, Params bool

	predicate moesif.Predicate
}

// CompileCheck makes a Check of an expression. Besides what is an error of Compile,
// it must not be about the body or the answer, which are not there yet. One that
// may give something else than a boolean is allowed: only true passes.
func CompileCheck(expression string) (*Check, error) {
	env, ast, err := parse(expression)
	if err != nil {
		return nil, err
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("the expression gives %s: it must give true or false", cel.FormatCELType(t))
	}
	c := &Check{}
	for _, name := range names(ast) {
		switch {
		case strings.HasPrefix(name, "resp_"):
			return nil, fmt.Errorf("not supported yet: %s, expressions about answers (remove it, or leave this to KrakenD)", name)
		case name == "req_body":
			return nil, fmt.Errorf("req_body is not available here: describe the body in validation/json-schema")
		case name == "JWT":
			c.Token = true
		case name == "req_headers", name == "@hasHeader", name == "@getHeader", name == "@hasCookie", name == "@getCookie":
			c.Headers = true
		case name == "req_querystring", name == "@hasQuerystring", name == "@getQuerystring":
			c.Query = true
		case name == "req_params", name == "req_path_params":
			c.Params = true
		}
	}
	c.predicate, err = predicate(env, ast)
	return c, err
}

// names are the variables and functions that ast uses, in order.
func names(ast *cel.Ast) []string {
	var list []string
	for _, reference := range ast.NativeRep().ReferenceMap() {
		list = append(append(list, reference.Name), reference.OverloadIDs...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Pass reports whether s meets the check. What fails at run time does not.
func (c *Check) Pass(s *moesif.Subject) bool {
	pass, err := c.predicate(s)
	return pass && err == nil
}
