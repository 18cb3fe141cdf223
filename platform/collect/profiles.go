package collect

import (
	"context"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// profiles reads the profiles of one request and merges them into what is known.
type profiles func(c *Collector, ctx context.Context, r request, items [][]byte) (profileAnswer, error)

// profileAnswer says what became of profiles.
type profileAnswer struct {
	unread   map[int]error // those that could not be read, by index
	rejected []wire.Rejection
}

// one serves an endpoint whose body is one profile.
func one(p profiles) func(*Collector, context.Context, request) (wire.BatchAnswer, error) {
	return func(c *Collector, ctx context.Context, r request) (wire.BatchAnswer, error) {
		answer, err := p(c, ctx, r, [][]byte{r.body})
		if err == nil && answer.unread[0] != nil {
			err = malformed(answer.unread[0])
		}
		return wire.BatchAnswer{Rejected: answer.rejected}, err
	}
}

// many serves an endpoint whose body is an array of profiles.
func many(p profiles) func(*Collector, context.Context, request) (wire.BatchAnswer, error) {
	return func(c *Collector, ctx context.Context, r request) (wire.BatchAnswer, error) {
		items, err := split(r.body)
		if err != nil {
			return wire.BatchAnswer{}, err
		}
		answer, err := p(c, ctx, r, items)
		for _, fault := range answer.unread {
			c.faults.report(c.Logger, c.Clock(), r.app.ID, "profile", fault)
		}
		return wire.BatchAnswer{Rejected: answer.rejected}, err
	}
}

func (c *Collector) users(ctx context.Context, r request, items [][]byte) (profileAnswer, error) {
	return upsert(ctx, r, items, wire.DecodeUser, c.Customers.UpsertUsers)
}

func (c *Collector) companies(ctx context.Context, r request, items [][]byte) (profileAnswer, error) {
	return upsert(ctx, r, items, wire.DecodeCompany, c.Customers.UpsertCompanies)
}

func (c *Collector) subscriptions(ctx context.Context, r request, items [][]byte) (profileAnswer, error) {
	return upsert(ctx, r, items, wire.DecodeSubscription, c.Customers.UpsertSubscriptions)
}

func upsert[P any](
	ctx context.Context, r request, items [][]byte,
	decode func([]byte) (P, error),
	store func(ctx context.Context, app string, ps []P) ([]wire.Rejection, error),
) (profileAnswer, error) {
	answer := profileAnswer{unread: map[int]error{}}
	var readable []P
	var indexes []int // of the readable ones
	for i, sent := range items {
		p, err := decode(sent)
		if err != nil {
			answer.unread[i] = err
			answer.rejected = append(answer.rejected, wire.Rejection{Index: i, Reason: reasonMalformed})
			continue
		}
		readable, indexes = append(readable, p), append(indexes, i)
	}
	if len(readable) == 0 {
		return answer, nil
	}
	refused, err := store(ctx, r.app.ID, readable)
	for _, x := range refused {
		answer.rejected = append(answer.rejected, wire.Rejection{Index: indexes[x.Index], Reason: x.Reason})
	}
	return answer, err
}
