package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// stage holds the rules about users, or those about companies (Moesif wire,
// 4.3).
type stage struct {
	rules     []*compiled
	config    *Config
	customers *customers // of the config
	members   []member   // by the number of the rule in the config

	notIn     list // applied_to not_matching: for those who are not in the cohort
	anonymous list // for those who are not identified
}

// member is what it means for a customer that the configuration puts it in the
// cohort of a rule: the place of the rule, or -1 in both.
type member struct {
	rule  int32 // in stage.rules: it applies
	notIn int32 // in stage.notIn: it does not
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

// source is what a stage is made of.
type source struct {
	kind      string // user, company
	rules     []*wire.Rule
	made      []*compiled // by the place in rules
	customers *customers
	known     map[string]string // the type of each rule by its _id
}

// newStage compiles the rules of one kind, and names the references that lead
// nowhere.
func newStage(config *Config, src source) (stage, []Problem) {
	s := stage{config: config, customers: src.customers, members: make([]member, config.rules.count())}
	for i := range s.members {
		s.members[i] = member{-1, -1}
	}
	var notIn, anonymous []*compiled
	for i, u := range src.rules {
		if u.Type != src.kind {
			continue
		}
		m := member{int32(len(s.rules)), -1} // #nosec G115 -- documents are bounded far below
		s.rules = append(s.rules, src.made[i])
		if u.AppliedTo == notMatching {
			m = member{-1, int32(len(notIn))} // #nosec G115 -- as above
			notIn = append(notIn, src.made[i])
		}
		if u.AppliedToUnidentified {
			anonymous = append(anonymous, src.made[i])
		}
		if number, found := config.rules.find(u.ID); found {
			s.members[number] = m
		}
	}
	s.notIn, s.anonymous = newList(notIn), newList(anonymous)
	return s, s.lost(src)
}

// lost names the rules that customers refer to and that are not of this stage,
// but for those that are not in force: that is said already.
func (s *stage) lost(src source) []Problem {
	times := s.config.references(s.customers)
	var ids []string
	count := map[string]int{}
	for number, m := range s.members {
		id := s.config.rules.at(uint32(number)) // #nosec G115 -- as above
		if times[number] > 0 && m == (member{-1, -1}) && src.known[id] != src.kind {
			ids, count[id] = append(ids, id), times[number]
		}
	}
	slices.Sort(ids)
	problems := make([]Problem, 0, len(ids))
	for _, id := range ids {
		reason := "there is no such rule"
		if is := src.known[id]; is != "" {
			reason = fmt.Sprintf("its type is %s", quoted(is))
		}
		problems = append(problems, Problem{strings.Clone(id), fmt.Sprintf("%s_rules: names it %d times, but %s", src.kind, count[id], reason)})
	}
	return problems
}

// apply appends the rules that apply to a request of the customer id.
func (s *stage) apply(applied []application, r *request, id string) []application {
	if id == "" {
		return s.anonymous.apply(applied, r, exemption{})
	}
	if len(s.rules) == 0 {
		return applied
	}
	refs := s.config.refs(s.customers, id)
	for left := refs; left != ""; {
		var to ref
		to, left = cutRef(left)
		m := s.members[to.rule]
		if m.rule < 0 || !s.rules[m.rule].match(r) {
			continue
		}
		a := application{rule: s.rules[m.rule]}
		if to.values > 0 {
			a.values = s.config.values.at(to.values - 1)
		}
		applied = append(applied, a)
	}
	return s.notIn.apply(applied, r, exemption{s.members, refs})
}

// apply appends the rules that match, but for those that the customer is exempt
// from.
func (l *list) apply(applied []application, r *request, x exemption) []application {
	if len(l.rules) == 0 {
		return applied
	}
	for w := l.index.walk(); ; {
		i, ok := w.next(r)
		if !ok {
			return applied
		}
		if x.refs == "" {
			applied = append(applied, application{rule: l.rules[i]})
			continue
		}
		return l.rest(applied, r, &w, i, x)
	}
}

// rest goes on with apply from the rule at the place i on, which matches: only now
// it counts what the customer is exempt from.
func (l *list) rest(applied []application, r *request, w *walk, i int, x exemption) []application {
	var rules bitset
	window := -1
	for ok := true; ok; i, ok = w.next(r) {
		if i/most != window {
			window = i / most
			rules = x.window(window)
		}
		if !rules.has(i % most) {
			applied = append(applied, application{rule: l.rules[i]})
		}
	}
	return applied
}

// exemption is the rules that do not apply to a customer because it is in their
// cohort.
type exemption struct {
	members []member
	refs    string // of the customer; empty: no exemption
}

// window returns those at places in stage.notIn from most × n on, as many as a
// bitset holds.
func (x *exemption) window(n int) (rules bitset) {
	for left := x.refs; left != ""; {
		var to ref
		to, left = cutRef(left)
		if place := int(x.members[to.rule].notIn); place >= 0 && place/most == n {
			rules.add(place % most)
		}
	}
	return rules
}
