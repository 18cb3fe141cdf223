package platform

import (
	"context"
	"errors"
	"sync"

	"github.com/gatemeter/gatemeter/platform/cohorts"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// openCohorts opens the cohorts and lets them hear of what may change them.
func (p *Platform) openCohorts(ctx context.Context, o Options) (err error) {
	p.cohorts, err = cohorts.Open(ctx, cohorts.Options{
		State: p.state, Events: p.events, Customers: p.customers, Clock: o.Clock, Logger: o.Logger,
	})
	if err != nil {
		return err
	}
	p.customers.OnChange(func(app, kind string) {
		p.cohorts.ProfilesChanged(app, kind)
		p.rules.ProfilesChanged(app, kind)
	})
	p.loader.OnLoaded(p.cohorts.Loaded)
	p.rules.Follow(memberships{p.cohorts}, p.customers)
	p.cohorts.Listen(func(app, cohort string) {
		if err := p.rules.CohortChanged(context.Background(), app, cohort); err != nil {
			p.log.Error("the rules could not follow a cohort and will as soon as somebody asks for them", "cohort", cohort, "error", err)
		}
	})
	return nil
}

// memberships lets the rules ask who is in a cohort.
type memberships struct{ cohorts *cohorts.Store }

var _ rules.Memberships = memberships{}

func (m memberships) Cohort(ctx context.Context, app, id string) (rules.Membership, error) {
	c, err := m.cohorts.Cohort(ctx, app, id)
	if errors.Is(err, cohorts.ErrNotFound) {
		return rules.Membership{}, rules.ErrNoCohort
	}
	return rules.Membership{Kind: c.Kind, Revision: c.Revision, Members: c.Members, Ready: c.Ready()}, err
}

func (m memberships) Members(ctx context.Context, app, id string) ([]string, error) {
	c, err := m.cohorts.Cohort(ctx, app, id)
	if errors.Is(err, cohorts.ErrNotFound) {
		return nil, rules.ErrNoCohort // deleted a moment ago: the rules are told of it in a moment
	}
	if err != nil {
		return nil, err
	}
	return m.cohorts.MemberIDs(ctx, c)
}

// runCohorts keeps their members, and the values that rules have of profiles, in step
// until the function that it returns is called, which waits for the end.
func (p *Platform) runCohorts(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { p.cohorts.Run(ctx) })
	running.Go(func() {
		p.rules.Run(ctx, func(app string, err error) {
			p.log.Error("the rules could not follow the profiles and will as soon as somebody asks for them", "app", app, "error", err)
		})
	})
	return func() {
		cancel()
		running.Wait()
	}
}
