package rules

import (
	"context"
	"slices"

	"github.com/gatemeter/gatemeter/platform/access"
)

// Forget takes a user, or a company, out of every rule's customers and out of the
// sampling rates, and counts what it changed. What is served changes at once.
func (r *Rules) Forget(ctx context.Context, app access.Application, company bool, id string) (map[string]int64, error) {
	counts := map[string]int64{"rule_customers": 0, "sample_rates": 0}
	list, err := r.List(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		kept := slices.DeleteFunc(slices.Clone(u.Customers), func(c Customer) bool { return c.ID == id })
		if len(kept) == len(u.Customers) || (u.Wire.Type == typeCompany) != company {
			continue
		}
		u.Customers = kept
		if _, err := r.Replace(ctx, app, u.Wire.ID, u); err != nil {
			return nil, err
		}
		counts["rule_customers"]++
	}
	c, err := r.Config(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	rates := c.UserSampleRate
	if company {
		rates = c.CompanySampleRate
	}
	if _, ok := rates[id]; !ok {
		return counts, nil
	}
	delete(rates, id)
	counts["sample_rates"]++
	_, err = r.SetConfig(ctx, app, c)
	return counts, err
}
