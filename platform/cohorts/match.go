package cohorts

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
)

// subject is a customer on its way through the criteria.
type subject struct {
	known         customers.Known
	of            []events.Behaved // by the number of the selection; nil: made no calls
	subscriptions []customers.SubscriptionFacts

	document map[string]any // of known.Profile; read when it is needed
}

// evaluation is criteria made ready for many customers at one moment.
type evaluation struct {
	criteria   Criteria
	now        time.Time
	selections []events.Behaviour
	selected   map[*Usage]int // index into selections; a profiled usage has none
}

func newEvaluation(c Criteria, now time.Time) *evaluation {
	e := &evaluation{criteria: c, now: now, selected: map[*Usage]int{}}
	for _, u := range c.usages() {
		if u.profiled() {
			continue
		}
		b := events.Behaviour{Routes: u.Routes, Verbs: u.Verbs, Statuses: u.Statuses}
		if u.Hours > 0 {
			b.From = now.Add(-time.Duration(u.Hours) * time.Hour)
		}
		i := slices.IndexFunc(e.selections, func(s events.Behaviour) bool { return sameSelection(s, b) })
		if i < 0 {
			i = len(e.selections)
			e.selections = append(e.selections, b)
		}
		e.selected[u] = i
	}
	return e
}

func sameSelection(a, b events.Behaviour) bool {
	return a.From.Equal(b.From) && slices.Equal(a.Routes, b.Routes) && slices.Equal(a.Verbs, b.Verbs) && slices.Equal(a.Statuses, b.Statuses)
}

// holds reports whether s is in. What is counted is looked at before profiles
// are read: most often it has decided by then.
func (e *evaluation) holds(s *subject) bool {
	all := e.criteria.Match == All
	for _, u := range e.criteria.usages() {
		if e.usage(u, s) != all {
			return !all
		}
	}
	for _, a := range e.criteria.attributes() {
		if s.attribute(a) != all {
			return !all
		}
	}
	return all
}

func (e *evaluation) usage(u *Usage, s *subject) bool {
	of := events.Behaved{First: s.known.FirstSeen, Last: s.known.LastSeen}
	if i, counted := e.selected[u]; counted {
		of = events.Behaved{}
		if s.of != nil {
			of = s.of[i]
		}
	}
	var got float64
	switch u.Measure {
	case Calls:
		got = float64(of.Calls)
	case Errors:
		got = float64(of.Errors)
	case Events:
		got = float64(of.Events)
	case ErrorRate:
		if of.Calls == 0 {
			return false
		}
		got = 100 * float64(of.Errors) / float64(of.Calls)
	case SinceLastCall, SinceFirstCall:
		at := of.Last
		if u.Measure == SinceFirstCall {
			at = of.First
		}
		if at.IsZero() {
			return false
		}
		got = max(0, e.now.Sub(at).Hours())
	}
	switch u.Op {
	case AtLeast:
		return got >= u.Value
	case AtMost:
		return got <= u.Value
	case MoreThan:
		return got > u.Value
	case LessThan:
		return got < u.Value
	default:
		return got == u.Value
	}
}

// onlyActive reports whether nobody can be in who made none of the calls that
// are counted: then the others need not be looked at.
func (e *evaluation) onlyActive() bool {
	all := e.criteria.Match == All
	for _, u := range e.criteria.usages() {
		_, counted := e.selected[u]
		holds := counted && e.usage(u, &subject{})
		switch {
		case all && counted && !holds:
			return true
		case !all && (!counted || holds):
			return false
		}
	}
	return !all && len(e.criteria.attributes()) == 0
}

// counted reports whether all that is asked is counted from events.
func (e *evaluation) counted() bool { return len(e.selected) == len(e.criteria.Conditions) }

func (s *subject) attribute(a *Attribute) bool {
	values := slices.DeleteFunc(s.values(a.Field), func(v string) bool { return v == "" })
	switch a.Op {
	case Exists:
		return len(values) > 0
	case NotExists:
		return len(values) == 0
	case IsNot:
		return !slices.ContainsFunc(values, a.equals)
	case Is:
		return slices.ContainsFunc(values, a.equals)
	case Contains:
		return slices.ContainsFunc(values, func(v string) bool {
			return slices.ContainsFunc(a.Values, func(w string) bool { return strings.Contains(strings.ToLower(v), strings.ToLower(w)) })
		})
	}
	than, _ := number(a.Values[0])
	return slices.ContainsFunc(values, func(v string) bool {
		n, ok := number(v)
		return ok && (a.Op == Greater && n > than || a.Op == Less && n < than)
	})
}

// equals compares numbers as numbers, so that 10 and 10.0 are the same.
func (a *Attribute) equals(v string) bool {
	n, numeric := number(v)
	return slices.ContainsFunc(a.Values, func(w string) bool {
		if m, ok := number(w); ok && numeric {
			return n == m
		}
		return strings.EqualFold(v, w)
	})
}

// values returns the field as text; what is neither text, number nor truth has
// none but counts as there.
func (s *subject) values(field string) []string {
	switch field {
	case fieldID:
		return []string{s.known.ID}
	case fieldCompany:
		return []string{s.known.CompanyID}
	case fieldStatus:
		list := make([]string, len(s.subscriptions))
		for i, v := range s.subscriptions {
			list[i] = v.Status
		}
		return list
	case fieldPlan:
		var list []string
		for _, v := range s.subscriptions {
			list = append(list, v.Plans...)
		}
		return list
	}
	if s.document == nil {
		d := json.NewDecoder(bytes.NewReader(s.known.Profile))
		d.UseNumber()
		if d.Decode(&s.document) != nil || s.document == nil {
			s.document = map[string]any{}
		}
	}
	return textsOf(lookUp(s.document, field))
}

// lookUp walks into nested objects; a literal key that has the dot comes first,
// at every level, as with claims (settled questions, 5).
func lookUp(in map[string]any, path string) any {
	if v, ok := in[path]; ok {
		return v
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if sub, ok := in[path[:i]].(map[string]any); ok {
			if v := lookUp(sub, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

func textsOf(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case bool:
		return []string{strconv.FormatBool(v)}
	case []any:
		var list []string
		for _, one := range v {
			list = append(list, textsOf(one)...)
		}
		return list
	default:
		return []string{"{}"}
	}
}
