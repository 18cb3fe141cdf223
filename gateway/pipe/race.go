package pipe

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
)

// raceBudget is the part of an endpoint's timeout that concurrent calls have, in
// percent (KrakenD v3, 1.3).
const raceBudget = 75

// race makes n calls at once and returns the first good value; the other calls are
// cancelled, and what they still give goes to drop. Without a good value it returns
// one that is not good, else the last error. The context of the call that won ends
// with ctx, so that a body can still be read; the budget is for getting the value.
func race[T any](ctx context.Context, n int, budget time.Duration, call func(ctx context.Context, i int) (value T, good bool, err error), drop func(T)) (T, error) {
	type result struct {
		i     int
		value T
		good  bool
		err   error
	}
	results := make(chan result, n)
	cancels := make([]context.CancelCauseFunc, n)
	for i := range n {
		var own context.Context
		own, cancels[i] = context.WithCancelCause(ctx)
		go func() {
			r := result{i: i}
			defer func() {
				if problem := recover(); problem != nil { // which would end the process
					r.err = fmt.Errorf("panic: %v", problem)
				}
				results <- r
			}()
			r.value, r.good, r.err = call(own, i)
		}()
	}
	timer := time.AfterFunc(budget, func() {
		for _, cancel := range cancels {
			cancel(context.DeadlineExceeded)
		}
	})
	var second *result // the best that is not good
	var failed error
	for left := n - 1; left >= 0; left-- {
		r := <-results
		switch {
		case r.err != nil:
			failed = r.err
		case r.good && (timer.Stop() || context.Cause(ctx) != nil):
			for i, cancel := range cancels {
				if i != r.i {
					cancel(context.Canceled)
				}
			}
			if second != nil {
				drop(second.value)
			}
			go func() {
				for range left {
					if r := <-results; r.err == nil {
						drop(r.value)
					}
				}
			}()
			return r.value, nil
		case r.good: // too late: its context has ended
			drop(r.value)
			failed = context.DeadlineExceeded
		case second != nil:
			drop(r.value)
		default:
			second = &r
		}
	}
	timer.Stop()
	if second != nil {
		return second.value, nil
	}
	var none T
	return none, failed
}

// race makes the part's concurrent calls.
func (p *part) race(ctx context.Context, c *backend.Call) (*backend.Answer, error) {
	calls := copies(c, p.calls)
	return race(ctx, p.calls, p.budget, func(ctx context.Context, i int) (*backend.Answer, bool, error) {
		answer, err := p.once(ctx, calls[i])
		return answer, err == nil && !answer.Failed, err
	}, (*backend.Answer).Release)
}

// race makes the stream's concurrent calls; the first that answers at all counts.
func (s *stream) race(ctx context.Context, w http.ResponseWriter, c backend.Call) (*http.Response, error) {
	if err := hold(ctx, w, &c); err != nil {
		return nil, err
	}
	calls := copies(&c, s.calls)
	return race(ctx, s.calls, percent(s.timeout, raceBudget), func(ctx context.Context, i int) (*http.Response, bool, error) {
		resp, err := s.do(ctx, calls[i])
		return resp, err == nil, err
	}, func(resp *http.Response) { _ = resp.Body.Close() })
}

// copies are n calls that share nothing; c is the last of them.
func copies(c *backend.Call, n int) []*backend.Call {
	all := make([]*backend.Call, n)
	for i := range all[:n-1] {
		all[i] = again(c)
	}
	all[n-1] = c
	return all
}
