package limit

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// Quota is governance/quota before an endpoint: how much the clients of each tier may
// use in each second, minute, hour, day, week, month or year. It is safe for concurrent
// use, and one may stand before several endpoints.
type Quota struct {
	tiers
	processor *Processor
	of        []quotaTier
	open      bool // to callers of no tier
	silent    bool // no X-Quota headers
}

type quotaTier struct {
	rule   *rule
	key    keyOf
	weight weight
}

// NewQuota compiles q, whose use p counts. params are the names of the endpoint's
// parameters, nil where there are none. The error begins with the key that can't be used.
func NewQuota(q *config.Quota, p *Processor, params []string, o *Options) (*Quota, error) {
	found, err := newTiers(&q.Tiers, params, o)
	if err != nil {
		return nil, err
	}
	out := &Quota{tiers: found, processor: p, open: q.AllowUnmatched, silent: q.HideHeaders}
	for i, t := range q.Of {
		rule, err := p.ruleOf(t.Rule)
		if err != nil {
			return nil, fmt.Errorf("tiers[%d].rule_name: %w", i, err)
		}
		out.of = append(out.of, quotaTier{rule: rule, key: newKey(t.Strategy, params, o.ClientIP), weight: weight(t.Weight)})
	}
	return out, nil
}

// verdict is what a quota says of a call.
type verdict struct {
	status int    // of the answer that refuses it; 0 lets it pass
	reason string // of the refusal
	charge *charge
	tier   *quotaTier
}

// Admit lets a request pass as it is, or refuses it: 429 when its client has used up
// what it has or does not say who it is, 400 when it belongs to no tier, 503 when use
// can't be counted. The last two can be allowed; the reference does not say the status
// of a client without a key, nor that of a failure.
func (q *Quota) Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool) {
	v := q.decide(r, values)
	q.tell(w.Header(), &v)
	if v.status != 0 {
		refuse(w, r, v.status, v.reason)
		return nil, false
	}
	return r, true
}

func (q *Quota) decide(r *http.Request, values []string) verdict {
	i := q.find(r, values)
	if i < 0 {
		if q.open {
			return verdict{}
		}
		return verdict{status: http.StatusBadRequest, reason: moesif.BadRequest}
	}
	v := verdict{tier: &q.of[i]}
	key := v.tier.key(r, values)
	if key == "" {
		return verdict{status: http.StatusTooManyRequests, reason: moesif.Quota}
	}
	charge := q.processor.charge(v.tier.rule, key)
	ok, err := q.processor.count(r.Context(), charge)
	switch {
	case err != nil && q.processor.allow:
	case err != nil:
		v.status, v.reason = http.StatusServiceUnavailable, moesif.Quota
	default:
		v.charge = charge
		if !ok {
			v.status, v.reason = http.StatusTooManyRequests, moesif.Quota
		}
	}
	return v
}

// tell puts the limit with the least left, and that, into the headers of an answer. One
// that another quota has put there stays when it has less left. Retry-After is in
// seconds, until all limits that are used up begin anew.
func (q *Quota) tell(h http.Header, v *verdict) {
	if v.charge == nil {
		return
	}
	var limit, left, wait int64
	for i, l := range v.charge.rule.limits {
		remaining := max(0, l.Amount-v.charge.used[i])
		if i == 0 || remaining < left {
			limit, left = l.Amount, remaining
		}
		if v.status != 0 && v.charge.used[i]+v.charge.n > l.Amount {
			_, end := window(l.Unit, v.charge.now)
			wait = max(wait, int64((end.Sub(v.charge.now)+time.Second-1)/time.Second))
		}
	}
	if v.status != 0 {
		h["Retry-After"] = []string{strconv.FormatInt(wait, 10)}
	}
	if q.silent {
		return
	}
	if other, err := strconv.ParseInt(first(h[quotaRemaining]), 10, 64); err == nil && other < left {
		return
	}
	h[quotaLimit] = []string{strconv.FormatInt(limit, 10)}
	h[quotaRemaining] = []string{strconv.FormatInt(left, 10)}
}

const (
	quotaLimit     = "X-Quota-Limit"
	quotaRemaining = "X-Quota-Remaining"
)

// weighed is Quota around the transport of a backend.
type weighed struct {
	quota *Quota
	says  bool // what the backend answers is what the client gets
	next  http.RoundTripper
}

// NewWeighed compiles q around next, the transport of b. A call that is refused is
// answered in the backend's place, with the status and headers of Admit: a client of a
// no-op endpoint gets that answer, others what the pipe makes of it. With a weight a
// call takes one and, when its answer has said how much it was, the rest; so it can
// take a client beyond its limit, once.
func NewWeighed(q *config.Quota, p *Processor, b *config.Backend, next http.RoundTripper, o *Options) (http.RoundTripper, error) {
	around := *o
	around.ClientIP = func(r *http.Request) string { return first(r.Header["X-Forwarded-For"]) }
	quota, err := NewQuota(q, p, nil, &around)
	if err != nil {
		return nil, err
	}
	return &weighed{quota: quota, says: b.Encoding == "no-op", next: next}, nil
}

// RoundTrip implements http.RoundTripper.
func (w *weighed) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Response != nil { // a redirect that is followed belongs to the call it answers
		return w.next.RoundTrip(r)
	}
	v := w.quota.decide(r, nil)
	if v.status != 0 {
		if w.says {
			moesif.From(r.Context()).Refuse(v.reason)
		}
		_ = unsent(r, nil)
		resp := instead(r, v.status)
		w.quota.tell(resp.Header, &v)
		return resp, nil
	}
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	if !w.quota.silent { // the backend's own would mislead
		delete(resp.Header, quotaLimit)
		delete(resp.Header, quotaRemaining)
	}
	w.quota.tell(resp.Header, &v)
	if v.charge != nil && v.tier.weight.In != "" && resp.StatusCode != http.StatusSwitchingProtocols {
		w.weigh(r, resp, &v)
	}
	return resp, nil
}

// weigh takes the rest of what a call is worth once its answer has told.
func (w *weighed) weigh(r *http.Request, resp *http.Response, v *verdict) {
	ctx := context.WithoutCancel(r.Context())
	v.tier.weight.of(resp, func(n int64) {
		rest := *v.charge
		rest.n, rest.force, rest.used = n-1, true, make([]int64, len(rest.used))
		if rest.n != 0 {
			_, _ = w.quota.processor.count(ctx, &rest) // logged there; the answer is given already
		}
	})
}

// instead is an answer without a body that no backend gave.
func instead(r *http.Request, status int) *http.Response {
	return &http.Response{
		Status:     strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode: status,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     http.Header{},
		Body:       http.NoBody,
		Request:    r,
	}
}

var _ http.RoundTripper = (*weighed)(nil)
