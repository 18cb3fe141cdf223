package rule

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// stage holds the rules about users, or those about companies (Moesif wire,
// 4.3).
type stage struct {
	rules     []*compiled
	customers map[string]customer // those in the cohort of some rule
	cohorts   []membership
	exempt    []uint32 // places in notIn
	values    []string

	notIn     list // applied_to not_matching: for those who are not in the cohort
	anonymous list // for those who are not identified
}

// list is rules with the index of their groups.
type list struct {
	rules []*compiled
	index index
}

func newList(rules []*compiled) list {
	groups := make([][]group, len(rules))
	for i, u := range rules {
		groups[i] = u.groups
	}
	return list{rules, newIndex(groups)}
}

// customer says where the lists of one customer lie: two ranges.
type customer struct {
	cohort, cohortEnd uint32 // in stage.cohorts, in the order of the configuration
	exempt, exemptEnd uint32 // in stage.exempt, ascending
}

// membership is a rule that applies to a customer, with its values.
type membership struct {
	rule   uint32 // in stage.rules
	values int32  // where they begin in stage.values; -1: all missing
}

// member is a rule by its _id while a stage is made.
type member struct {
	place uint32 // in stage.rules
	notIn int    // in stage.notIn; -1: the rule applies to its cohort
}

// source is what a stage is made of.
type source struct {
	kind    string // user, company
	rules   []*wire.Rule
	made    []*compiled // by the place in rules; nil: not usable
	members map[string][]wire.RuleRef
	known   map[string]string // the type of each rule by its _id
}

// stage compiles the rules of one kind and who is in their cohorts.
func (c *compiler) stage(src source) (stage, []Problem) {
	var s stage
	var notIn, anonymous []*compiled
	byID := map[string]member{}
	for i, u := range src.rules {
		made := src.made[i]
		if u.Type != src.kind || made == nil {
			continue
		}
		m := member{place: uint32(len(s.rules)), notIn: -1} // #nosec G115 -- documents are bounded far below
		s.rules = append(s.rules, made)
		if u.AppliedTo == notMatching {
			m.notIn = len(notIn)
			notIn = append(notIn, made)
		}
		if u.AppliedToUnidentified {
			anonymous = append(anonymous, made)
		}
		byID[u.ID] = m
	}
	s.notIn, s.anonymous = newList(notIn), newList(anonymous)
	return s, s.enrol(c, src, byID)
}

// enrol fills in the customers, and names the references that lead nowhere.
func (s *stage) enrol(c *compiler, src source, byID map[string]member) []Problem {
	s.customers = make(map[string]customer, len(src.members))
	clear(c.tuples)
	lost := map[string]int{}
	for id, refs := range src.members {
		x := customer{cohort: uint32(len(s.cohorts)), exempt: uint32(len(s.exempt))} // #nosec G115 -- as above
		for i := range refs {
			m, found := byID[refs[i].Rules]
			switch {
			case !found && src.known[refs[i].Rules] != src.kind:
				lost[refs[i].Rules]++
			case !found: // not usable, and said so already
			case m.notIn >= 0:
				s.exempt = append(s.exempt, uint32(m.notIn)) // #nosec G115 -- as above
			default:
				s.cohorts = append(s.cohorts, membership{m.place, s.keep(c, s.rules[m.place], refs[i].Values)})
			}
		}
		x.cohortEnd, x.exemptEnd = uint32(len(s.cohorts)), uint32(len(s.exempt)) // #nosec G115 -- as above
		slices.Sort(s.exempt[x.exempt:])
		if x.cohort < x.cohortEnd || x.exempt < x.exemptEnd {
			s.customers[id] = x
		}
	}
	s.cohorts, s.exempt, s.values = slices.Clip(s.cohorts), slices.Clip(s.exempt), slices.Clip(s.values)
	problems := make([]Problem, 0, len(lost))
	for _, id := range slices.Sorted(maps.Keys(lost)) {
		reason := "there is no such rule"
		if is := src.known[id]; is != "" {
			reason = fmt.Sprintf("its type is %s", quoted(is))
		}
		problems = append(problems, Problem{id, fmt.Sprintf("%s_rules: names it %d times, but %s", src.kind, lost[id], reason)})
	}
	return problems
}

// keep stores the values that the rule's answer uses, equal ones once.
func (s *stage) keep(c *compiler, u *compiled, values map[string]string) int32 {
	missing := true
	c.tuple = c.tuple[:0]
	for _, name := range u.slots {
		value := values[name]
		missing = missing && value == ""
		c.tuple = append(binary.AppendUvarint(c.tuple, uint64(len(value))), value...)
	}
	if missing {
		return -1
	}
	start, known := c.tuples[string(c.tuple)]
	if !known {
		start = int32(len(s.values)) // #nosec G115 -- as above
		c.tuples[string(c.tuple)] = start
		for _, name := range u.slots {
			s.values = append(s.values, c.text(values[name]))
		}
	}
	return start
}

// apply appends the rules that apply to a request of the customer id.
func (s *stage) apply(applied []application, r *request, id string) []application {
	if id == "" {
		return s.anonymous.apply(applied, r, nil)
	}
	x := s.customers[id]
	for _, m := range s.cohorts[x.cohort:x.cohortEnd] {
		u := s.rules[m.rule]
		if !u.match(r) {
			continue
		}
		a := application{rule: u}
		if m.values >= 0 {
			a.values = s.values[m.values:][:len(u.slots)]
		}
		applied = append(applied, a)
	}
	return s.notIn.apply(applied, r, s.exempt[x.exempt:x.exemptEnd])
}

// apply appends the rules that match, but for those at the places in exempt.
func (l *list) apply(applied []application, r *request, exempt []uint32) []application {
	if len(l.rules) == 0 {
		return applied
	}
	for w := l.index.walk(); ; {
		i, ok := w.next(r)
		if !ok {
			return applied
		}
		if _, out := slices.BinarySearchFunc(exempt, i, func(e uint32, i int) int { return cmp.Compare(int(e), i) }); !out {
			applied = append(applied, application{rule: l.rules[i]})
		}
	}
}
