package rules

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Profiles knows what was sent about users and companies.
type Profiles interface {
	// Values returns what the profiles of users (or companies) with these ids have at
	// paths, in the order of paths and as text: "" where there is nothing. Who has no
	// profile is left out.
	Values(ctx context.Context, app, kind string, ids, paths []string) (map[string][]string, error)
}

const (
	// profilesAtOnce is how many profiles are read by one statement.
	profilesAtOnce = 5000
	// breath is the least time between two times at which values are read again, and
	// breaths how many times as long as it took, maxBreath at most.
	breath    = 2 * time.Second
	breaths   = 4
	maxBreath = 30 * time.Second
)

// changes counts how often the profiles of an application changed, by kind. A count
// tells whether values that were read then are old.
type changes struct{ users, companies atomic.Int64 }

func (c *changes) of(kind string) *atomic.Int64 {
	if kind == typeCompany {
		return &c.companies
	}
	return &c.users
}

// asksProfiles reports whether the rule's members get values out of their profiles:
// gateways never look there (Moesif wire, 4).
func (u *Rule) asksProfiles() bool {
	return len(u.Wire.Variables) > 0 && u.Wire.Type != typeRegex && u.Wire.AppliedTo == "matching"
}

// fillValues gives the customers of the rules, for each variable, what they lack and
// their profiles have.
func (r *Rules) fillValues(ctx context.Context, app string, list []Rule) error {
	if r.profiles == nil {
		return nil
	}
	for i := range list {
		u := &list[i]
		if !u.asksProfiles() {
			continue
		}
		if err := r.fillRule(ctx, app, u); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rules) fillRule(ctx context.Context, app string, u *Rule) error {
	variables := u.Wire.Variables
	paths := make([]string, len(variables))
	for i, v := range variables {
		paths[i] = v.Path
	}
	for some := range slices.Chunk(u.Customers, profilesAtOnce) {
		var ids []string
		for _, c := range some {
			if c.lacks(variables) {
				ids = append(ids, c.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		found, err := r.profiles.Values(ctx, app, u.Wire.Type, ids, paths)
		if err != nil {
			return err
		}
		for i := range some {
			some[i].take(variables, found[some[i].ID])
		}
	}
	return nil
}

func (c *Customer) lacks(variables []wire.Variable) bool {
	return slices.ContainsFunc(variables, func(v wire.Variable) bool { return c.Values[v.Name] == "" })
}

// take takes the values, one for each variable, that the customer lacks. One that is
// longer than a rule may give is none.
func (c *Customer) take(variables []wire.Variable, values []string) {
	for i, value := range values {
		name := variables[i].Name
		if value == "" || c.Values[name] != "" || utf8.RuneCountInString(value) > maxText {
			continue
		}
		if c.Values == nil {
			c.Values = map[string]string{}
		}
		c.Values[name] = value
	}
}

// ProfilesChanged says that profiles of users or companies changed. Rules with merge
// tags that were filled in from them are served with the new values soon after, by Run.
func (r *Rules) ProfilesChanged(app, kind string) {
	s := r.of(app)
	s.profiles.of(kind).Add(1)
	if d := s.documents.Load(); d != nil {
		if _, asked := d.profiles[kind]; asked {
			r.later(app)
		}
	}
}

// later lets Run make the documents of an application again.
func (r *Rules) later(app string) {
	r.mu.Lock()
	r.outdated[app] = struct{}{}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run keeps the values of merge tags in step with the profiles until ctx ends. What
// fails is handed to failed, and tried again as soon as somebody asks for the rules.
func (r *Rules) Run(ctx context.Context, failed func(app string, err error)) {
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		r.mu.Lock()
		outdated := r.outdated
		r.outdated = map[string]struct{}{}
		r.mu.Unlock()
		for app := range outdated {
			if err := r.again(ctx, app); err != nil {
				failed(app, err)
			}
		}
		select {
		case <-time.After(max(breath, min(breaths*time.Since(began), maxBreath))):
		case <-ctx.Done():
			return
		}
	}
}

// again makes the documents of an application that has some once more.
func (r *Rules) again(ctx context.Context, app string) error {
	s := r.of(app)
	s.building.Lock()
	defer s.building.Unlock()
	d := s.documents.Load()
	if d == nil {
		return nil
	}
	_, err := r.refresh(ctx, d.app, s)
	return err
}
