package cohorts

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a cohort. Lengths of text are in characters.
const (
	MaxCohorts    = 200 // of an application
	maxConditions = 20
	maxValues     = 100 // of an attribute, and of routes, verbs and statuses each
	maxName       = 200
	maxText       = 1024 // of a field, a route, a value
	maxHours      = 24 * 366
)

// Problem is what is wrong with one field: `criteria.conditions[0].usage.op`.
type Problem struct{ Field, Message string }

// InvalidError says why a cohort is refused.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	text := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		text[i] = p.Field + ": " + p.Message
	}
	return strings.Join(text, "; ")
}

type problems []Problem

func (ps *problems) add(field, format string, args ...any) {
	if len(*ps) < 100 {
		*ps = append(*ps, Problem{field, fmt.Sprintf(format, args...)})
	}
}

func (ps problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return &InvalidError{ps}
}

func (ps *problems) text(field, s string, most int) {
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		ps.add(field, "must not be empty")
	case n > most:
		ps.add(field, "must have at most %d characters (has %d)", most, n)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		ps.add(field, "must not have control characters")
	}
}

func (ps *problems) oneOf(field, s string, values ...string) {
	if !slices.Contains(values, s) {
		ps.add(field, "must be one of %s (got %q)", strings.Join(values, ", "), s)
	}
}

func (ps *problems) texts(field string, list []string) {
	if len(list) > maxValues {
		ps.add(field, "must have at most %d (has %d)", maxValues, len(list))
		return
	}
	for i, s := range list {
		ps.text(fmt.Sprintf("%s[%d]", field, i), s, maxText)
	}
}

// checked returns the draft as it is kept, or says everything that is wrong.
func checked(d Draft) (Draft, error) {
	var ps problems
	d.Name = strings.TrimSpace(d.Name)
	ps.text("name", d.Name, maxName)
	ps.oneOf("kind", d.Kind, Users, Companies)
	ps.criteria("criteria", d.Kind, d.Criteria)
	return d, ps.err()
}

func (ps *problems) criteria(field, kind string, c Criteria) {
	ps.oneOf(field+".match", c.Match, All, Any)
	switch n := len(c.Conditions); {
	case n == 0:
		ps.add(field+".conditions", "must have at least one: a cohort of everybody needs none of this")
	case n > maxConditions:
		ps.add(field+".conditions", "must have at most %d (has %d)", maxConditions, n)
		return
	}
	for i, one := range c.Conditions {
		at := fmt.Sprintf("%s.conditions[%d]", field, i)
		switch {
		case (one.Usage == nil) == (one.Attribute == nil):
			ps.add(at, "must have either usage or attribute")
		case one.Usage != nil:
			ps.usage(at+".usage", one.Usage)
		default:
			ps.attribute(at+".attribute", kind, one.Attribute)
		}
	}
}

func (ps *problems) usage(field string, u *Usage) {
	ps.oneOf(field+".measure", u.Measure, Calls, Errors, ErrorRate, Events, SinceLastCall, SinceFirstCall)
	ps.oneOf(field+".op", u.Op, AtLeast, AtMost, MoreThan, LessThan, Equal)
	if math.IsNaN(u.Value) || u.Value < 0 || u.Value > 1e15 {
		ps.add(field+".value", "must be a number from 0 to 1e15 (is %v)", u.Value)
	}
	if u.Hours < 0 || u.Hours > maxHours {
		ps.add(field+".hours", "must be from 1 to %d (a year), or 0 for ever (is %d)", maxHours, u.Hours)
	}
	ps.texts(field+".routes", u.Routes)
	ps.texts(field+".verbs", u.Verbs)
	ps.texts(field+".statuses", u.Statuses)
	for i, s := range u.Statuses {
		if !isStatus(s) {
			ps.add(fmt.Sprintf("%s.statuses[%d]", field, i), "must be a status like 404 or a class like 4xx (got %q)", s)
		}
	}
}

func isStatus(s string) bool {
	if len(s) != 3 {
		return s == "0" // no answer
	}
	if strings.EqualFold(s[1:], "xx") {
		return s[0] >= '1' && s[0] <= '9'
	}
	n, err := strconv.Atoi(s)
	return err == nil && n >= http.StatusContinue
}

func (ps *problems) attribute(field, kind string, a *Attribute) {
	ps.checkField(field+".field", kind, a.Field)
	ps.oneOf(field+".op", a.Op, Is, IsNot, Contains, Greater, Less, Exists, NotExists)
	ps.texts(field+".values", a.Values)
	switch n := len(a.Values); a.Op {
	case Exists, NotExists:
		if n > 0 {
			ps.add(field+".values", "must be empty: %s compares with nothing", a.Op)
		}
	case Greater, Less:
		if n != 1 {
			ps.add(field+".values", "must have one number (has %d values)", n)
		} else if _, ok := number(a.Values[0]); !ok {
			ps.add(field+".values[0]", "must be a number (got %q)", a.Values[0])
		}
	default:
		if n == 0 {
			ps.add(field+".values", "must have at least one")
		}
	}
}

// checkField takes the ids, the fields that the platform knows, and whatever is
// in the metadata: `metadata.plan`, `metadata.address.city`.
func (ps *problems) checkField(field, kind, name string) {
	known := Fields(kind)
	ps.text(field, name, maxText)
	for _, prefix := range []string{"metadata.", "campaign."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return
		}
	}
	if name != "" && !slices.Contains(known, name) {
		ps.add(field, "must be metadata.NAME, campaign.NAME, or one of %s (got %q)", strings.Join(known, ", "), name)
	}
}

// Fields are the fields that customers of a kind have besides metadata and campaign.
func Fields(kind string) []string {
	if kind == Companies {
		return []string{fieldID, "ip_address", "company_domain", fieldStatus, fieldPlan}
	}
	return []string{fieldID, "ip_address", fieldCompany, "user_agent_string"}
}

func number(s string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}
