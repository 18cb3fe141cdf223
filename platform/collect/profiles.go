package collect

import (
	"context"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// profiles reads the profiles of one request and merges them into what is known.
type profiles func(c *Collector, ctx context.Context, r request, items [][]byte) (profileAnswer, error)

// profileAnswer says what became of profiles.
type profileAnswer struct {
	answer
	unread map[int]error // those that could not be read, by index
}

// one serves an endpoint whose body is one profile.
func one(p profiles) func(*Collector, context.Context, request) (answer, error) {
	return func(c *Collector, ctx context.Context, r request) (answer, error) {
		if err := c.allow(r.app.ID, 1); err != nil {
			return answer{}, err
		}
		a, err := p(c, ctx, r, [][]byte{r.body})
		if err == nil && a.unread[0] != nil {
			err = malformed(a.unread[0])
		}
		return a.answer, err
	}
}

// many serves an endpoint whose body is an array of profiles.
func many(p profiles) func(*Collector, context.Context, request) (answer, error) {
	return func(c *Collector, ctx context.Context, r request) (answer, error) {
		items, err := split(r.body)
		if err != nil {
			return answer{}, err
		}
		if err := c.allow(r.app.ID, len(items)); err != nil {
			return answer{}, err
		}
		a, err := p(c, ctx, r, items)
		for _, fault := range a.unread {
			c.faults.report(c.Logger, c.Clock(), r.app.ID, "profile", fault)
		}
		return a.answer, err
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
	a := profileAnswer{unread: map[int]error{}}
	var readable []P
	var indexes []int // of the readable ones
	for i, sent := range items {
		p, err := decode(sent)
		if err != nil {
			a.unread[i] = err
			a.add(i, reasonMalformed, err)
			continue
		}
		if err := r.room.take(int64(2*len(sent) + entryRoom)); err != nil {
			return a, err
		}
		readable, indexes = append(readable, p), append(indexes, i)
	}
	if len(readable) == 0 {
		return a, nil
	}
	r.turn.end()
	refused, err := store(ctx, r.app.ID, readable)
	for _, x := range refused {
		a.add(indexes[x.Index], x.Reason, nil)
	}
	return a, err
}
