package rule

import "github.com/gatemeter/gatemeter/moesif/wire"

// Options of Compile.
type Options struct {
	// BlockListedIPs enforces ip_addresses_blocked_by_name and block_bot_traffic
	// of the configuration, which no other client of the protocol does (Moesif
	// wire, 3.1): 403, before any rule is looked at. The call is blocked by the
	// name that the list gives the address, or by "bot".
	BlockListedIPs bool
}

// Problem is something in the documents that is not in force, and why.
type Problem struct {
	RuleID string // the rule's _id; "" is the configuration
	Reason string
}

// Set is compiled rules with the configuration they belong to. It never changes
// and is safe for concurrent use. A nil Set has no rules, and a rate of 100.
type Set struct {
	listed    listed
	regex     list
	companies stage
	users     stage
	sampling  sampling
	idle      bool // nothing can be said about any request
	slots     int  // fields of bodies that conditions look at
	rules     int
	problems  []Problem
}

// Compile makes a Set. It never fails: a rule that cannot be used never matches,
// and is in Problems. Nothing of the arguments is kept but strings.
func Compile(config wire.AppConfig, rules []wire.Rule, o Options) *Set {
	return newConfig(config).Compile(rules, o)
}

// Compile is the function Compile for a configuration that was read. The Set
// shares it: what it says of customers is not copied.
func (c *Config) Compile(rules []wire.Rule, o Options) *Set {
	s := &Set{}
	shared := newCompiler()
	src := source{known: map[string]string{}}
	var regex []*compiled
	for i := range rules {
		src.known[rules[i].ID] = rules[i].Type
	}
	for _, u := range s.unique(rules) {
		made, problems := shared.rule(u)
		for _, err := range problems {
			s.problems = append(s.problems, Problem{u.ID, err.Error()})
		}
		if made == nil {
			continue
		}
		s.rules++
		if u.Type == "regex" {
			regex = append(regex, made)
		}
		src.rules, src.made = append(src.rules, u), append(src.made, made)
	}
	s.regex = newList(regex)
	var problems [4][]Problem
	src.kind, src.customers = "company", &c.companies
	s.companies, problems[0] = newStage(c, src)
	src.kind, src.customers = "user", &c.users
	s.users, problems[1] = newStage(c, src)
	s.sampling, problems[2] = shared.sampling(c)
	if o.BlockListedIPs {
		s.listed, problems[3] = newListed(&c.global)
	}
	for _, p := range problems {
		s.problems = append(s.problems, p...)
	}
	s.slots = len(shared.bodies)
	s.idle = s.rules == 0 && !s.listed.bots && len(s.listed.addresses) == 0
	return s
}

// unique returns the rules in order; of those with one _id only the last.
func (s *Set) unique(rules []wire.Rule) []*wire.Rule {
	last := make(map[string]int, len(rules))
	for i := range rules {
		last[rules[i].ID] = i
	}
	all := make([]*wire.Rule, 0, len(last))
	for i := range rules {
		if last[rules[i].ID] == i {
			all = append(all, &rules[i])
			continue
		}
		s.problems = append(s.problems, Problem{rules[i].ID, "_id: a later rule has it too, and takes its place"})
	}
	return all
}

// Problems says what of the documents is not in force, and why.
func (s *Set) Problems() []Problem {
	if s == nil {
		return nil
	}
	return s.problems
}

// Rules is the number of rules in force.
func (s *Set) Rules() int {
	if s == nil {
		return 0
	}
	return s.rules
}

// UsesIdentity reports whether any rule in force asks who the user or the
// company is.
func (s *Set) UsesIdentity() bool {
	return s != nil && len(s.users.rules)+len(s.companies.rules) > 0
}

// Decide returns what the rules in force say about r: the zero Decision lets it
// pass untouched. It is safe for concurrent use. It does not allocate when no
// rule applies, except to read the body or to join a header that is there twice.
// What it returns is shared: it must not be changed.
//
// Order and merging follow the reference algorithm (Moesif wire, 4.3): regex,
// then company, then user rules; the last that blocks wins status and body,
// headers of all accumulate and the later wins.
func (s *Set) Decide(r *Subject) Decision {
	if s == nil || s.idle {
		return Decision{}
	}
	m := s.request(r)
	if d, blocked := s.listed.decide(&m); blocked {
		return d
	}
	applied := s.regex.apply(nil, &m, exemption{})
	applied = s.companies.apply(applied, &m, r.CompanyID)
	applied = s.users.apply(applied, &m, r.UserID)
	if applied == nil {
		return Decision{}
	}
	return decision(applied)
}

// request prepares r for one question.
func (s *Set) request(r *Subject) request { return request{Subject: r, slots: s.slots} }
