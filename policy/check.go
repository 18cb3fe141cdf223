package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/gatemeter/gatemeter/moesif"
)

// Check is an expression that a request, its token or its answer must meet
// (validation/cel and security/policies; KrakenD v3, 4).
type Check struct {
	// What it is about. An expression that names neither a request nor an answer
	// (now, true) is about none of them.
	Request, Token, Answer bool
	// What of the answer it looks at.
	Metadata, Data bool
	// What of the request it looks at; a Subject need not hold the rest.
	Headers, Query, Params bool
	// Macro is a function it uses that is neither CEL's nor of its extensions; "" for none.
	Macro string

	ask func(*exchange) (bool, error)
}

// CompileCheck makes a Check of an expression. Besides what is an error of Compile,
// it must not be about a body as text: the request's is not read yet, and the
// answer's is decoded or streamed. One that may give something else than a boolean
// is allowed: only true passes.
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
		switch name {
		case "req_body":
			return nil, fmt.Errorf("req_body is not available here: describe the body in validation/json-schema")
		case "resp_body":
			return nil, fmt.Errorf("resp_body is not available here: what is decoded of it is in resp_data")
		}
		c.sees(name)
	}
	c.ask, err = program(env, ast)
	return c, err
}

// sees notes what the name of a variable or function tells.
func (c *Check) sees(name string) {
	c.Request = c.Request || strings.HasPrefix(name, "req_") || name == itself
	c.Answer = c.Answer || strings.HasPrefix(name, "resp_")
	switch name {
	case "JWT":
		c.Token = true
	case "resp_data":
		c.Data = true
	case "resp_status", "resp_metadata_status", "resp_headers", "resp_metadata_headers":
		c.Metadata = true
	case "req_headers", "@hasHeader", "@getHeader", "@hasCookie", "@getCookie":
		c.Headers = true
	case "req_querystring", "@hasQuerystring", "@getQuerystring":
		c.Query = true
	case "req_params", "req_path_params":
		c.Params = true
	}
	macro, hidden := strings.CutPrefix(name, "@")
	switch {
	case hidden && name != itself:
		c.Macro = macro
	case strings.HasPrefix(name, "between_"), strings.HasSuffix(name, "_between"):
		c.Macro = "between"
	case strings.HasPrefix(name, "is_empty_"):
		c.Macro = "isEmpty"
	}
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

// Pass reports whether s meets the check. What fails at run time does not; so does
// whatever is about the answer, which is not there yet.
func (c *Check) Pass(s *moesif.Subject) bool {
	pass, err := c.ask(&exchange{subject: s, sees: requests})
	return pass && err == nil
}

// PassAnswer is Pass for an answer. r is the request; without one what is about it
// fails, as it does in KrakenD, where the answer is all that validation/cel has by then.
func (c *Check) PassAnswer(r *moesif.Subject, a *Answer) bool {
	x := &exchange{subject: r, answer: a}
	if r == nil {
		x.subject, x.sees = &moesif.Subject{}, answers
	}
	pass, err := c.ask(x)
	return pass && err == nil
}
