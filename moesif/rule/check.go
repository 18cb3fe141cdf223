package rule

import "github.com/gatemeter/gatemeter/moesif/wire"

// Check says what is wrong with a rule as somebody would write it, one error a
// problem, each with the path of the field: "regex_config[0].conditions[1].value:
// …". It is what Compile says in Problems about the same rule.
func Check(u *wire.Rule) []error {
	_, problems := newCompiler().rule(u)
	return problems
}
