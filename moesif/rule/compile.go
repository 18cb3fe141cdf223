package rule

import (
	"fmt"
	"slices"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// compiled is a rule in force.
type compiled struct {
	id     string
	block  bool
	groups []group // one of them must match; none: always
	answer answer
}

func (u *compiled) match(r *request) bool {
	for _, g := range u.groups {
		if g.match(r) {
			return true
		}
	}
	return len(u.groups) == 0
}

// compiler holds what rules share.
type compiler struct {
	patterns patterns
	bodies   map[string]int // slots of fields of bodies, by path
}

func newCompiler() *compiler {
	return &compiler{patterns: patterns{}, bodies: map[string]int{}}
}

// rule compiles u. It is nil when the rule cannot be used; the errors name each
// problem, also those that leave it in force.
func (c *compiler) rule(u *wire.Rule) (*compiled, []error) {
	var problems []error
	usable := true
	switch u.Type {
	case "user", "company", "regex":
	default:
		usable = false
		problems = append(problems, fmt.Errorf("type: must be user, company or regex (got %s)", quoted(u.Type)))
	}
	if err := checkAppliedTo(u); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, checkVariables(u.Variables)...)
	groups, ok, errs := c.groups(u.RegexConfig, false)
	problems = append(problems, errs...)
	a, errs := newAnswer(&u.Response, u.Block, u.Variables)
	problems = append(problems, errs...)
	if !usable || !ok {
		return nil, problems
	}
	return &compiled{id: u.ID, block: u.Block, groups: groups, answer: a}, problems
}

func checkAppliedTo(u *wire.Rule) error {
	switch u.AppliedTo {
	case "", matching:
		return nil
	case notMatching:
		if u.Type == "regex" {
			return fmt.Errorf("applied_to: must be %s, a regex rule has no cohort (got %s)", matching, notMatching)
		}
		return nil
	}
	return fmt.Errorf("applied_to: must be %s or %s (got %s)", matching, notMatching, quoted(u.AppliedTo))
}

// Values of applied_to. Everything but not_matching is taken as matching (Moesif
// wire, 4.3).
const (
	matching    = "matching"
	notMatching = "not_matching"
)

func checkVariables(variables []wire.Variable) []error {
	var problems []error
	seen := map[string]bool{}
	for i, v := range variables {
		switch {
		case v.Name == "":
			problems = append(problems, fmt.Errorf("variables[%d].name: missing", i))
		case seen[v.Name]:
			problems = append(problems, fmt.Errorf("variables[%d].name: %s is there already", i, quoted(v.Name)))
		}
		seen[v.Name] = true
	}
	return problems
}

// groups compiles a regex_config, of which one group must match. It is false when
// an expression is broken or when no group can ever match: then the whole is out
// of force.
func (c *compiler) groups(config []wire.RegexGroup, answered bool) (groups []group, ok bool, problems []error) {
	broken := false
	for i := range config {
		g, usable, errs := c.group(config[i].Conditions, answered)
		for _, err := range errs {
			problems = append(problems, fmt.Errorf("regex_config[%d].%w", i, err))
		}
		switch usable {
		case works:
			groups = append(groups, g)
		case isBroken:
			broken = true
		}
	}
	slices.SortStableFunc(groups, readersLast)
	return groups, !broken && (len(groups) > 0 || len(config) == 0), problems
}

// readersLast puts the groups that do without the body first.
func readersLast(a, b group) int {
	switch {
	case a.readsBody() == b.readsBody():
		return 0
	case a.readsBody():
		return 1
	}
	return -1
}

// verdict is what can be done with a group.
type verdict uint8

const (
	works        verdict = iota
	neverMatches         // it looks at something that does not exist
	isBroken             // an expression cannot be compiled
)

// group compiles conditions that must all match. The answer's status is known
// only when answered.
func (c *compiler) group(conditions []wire.Condition, answered bool) (g group, v verdict, problems []error) {
	for i := range conditions {
		f, known := parseField(conditions[i].Path)
		switch {
		case !known:
			problems = append(problems, fmt.Errorf("conditions[%d].path: must be request.verb, request.route, request.ip_address, "+
				"request.headers.NAME or request.body.FIELD (got %s)", i, quoted(conditions[i].Path)))
		case f.kind == ofStatus && !answered:
			problems = append(problems, fmt.Errorf("conditions[%d].path: response.status is not known when rules decide", i))
			known = false
		}
		p, err := c.patterns.get(conditions[i].Value)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("conditions[%d].value: %w", i, err))
			v = isBroken
		case !known && v == works:
			v = neverMatches
		case known:
			g = append(g, condition{c.slot(f), p})
		}
	}
	g.sort()
	return g, v, problems
}

// slot gives a field of the body its place.
func (c *compiler) slot(f field) field {
	if f.kind == ofBody {
		slot, known := c.bodies[f.name]
		if !known {
			slot = len(c.bodies)
			c.bodies[f.name] = slot
		}
		f.slot = slot
	}
	return f
}
