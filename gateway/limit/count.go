package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// charge is a use of a rule by one client.
type charge struct {
	rule   *rule
	key    string // of the client
	hashed bool   // key is a hash of what the client said
	now    time.Time
	n      int64
	force  bool    // counts also what is beyond a limit
	used   []int64 // result: of each limit of the rule, in its window; n included when it was counted
}

// rule is one rule of a processor.
type rule struct {
	processor, name string
	limits          []config.QuotaLimit
}

// counter counts uses. A charge counts for all limits of its rule or, when it is too
// much for one of them, for none; ok is false then. It is safe for concurrent use.
type counter interface {
	count(ctx context.Context, c *charge) (ok bool, err error)
}

// Processor counts what the quotas that name it use: the same client is the same in
// all of them. It is safe for concurrent use.
type Processor struct {
	rules   map[string]*rule
	counter counter
	allow   bool // when use can't be counted
	retries int
	backoff string
	hash    bool
	logger  *slog.Logger
	name    string
	logged  atomic.Int64 // when a failure was, in Unix seconds
	now     func() time.Time
}

// NewProcessor counts for p in Redis or, when redis is nil, in memory.
func NewProcessor(p *config.Processor, redis *Redis, o *Options) *Processor {
	out := &Processor{
		rules: make(map[string]*rule, len(p.Rules)), allow: p.AllowOnFailure, retries: p.Retries, backoff: p.Backoff,
		hash: p.HashKeys, logger: o.Logger, name: p.Name, now: o.now(),
	}
	for _, r := range p.Rules {
		out.rules[r.Name] = &rule{processor: p.Name, name: r.Name, limits: r.Limits}
	}
	out.counter = newMemory()
	if redis != nil {
		out.counter = redis
	}
	return out
}

// longestKey bounds, in bytes, the key of a client that is kept as it is.
const longestKey = 128

// charge makes a charge of one use.
func (p *Processor) charge(r *rule, key string) *charge {
	c := &charge{rule: r, key: key, now: p.now(), n: 1, used: make([]int64, len(r.limits))}
	if p.hash || len(key) > longestKey {
		sum := sha256.Sum256([]byte(key))
		c.key, c.hashed = hex.EncodeToString(sum[:]), true
	}
	return c
}

// count is counter's, tried again as often as configured. A try whose answer was lost
// may have counted: after a failure a client can have used more than it knows, never
// less.
func (p *Processor) count(ctx context.Context, c *charge) (ok bool, err error) {
	for try := 0; ; try++ {
		if ok, err = p.counter.count(ctx, c); err == nil || try == p.retries {
			break
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(pause(p.backoff, try)):
		}
	}
	if err != nil {
		p.log(ctx, err)
	}
	return ok, err
}

// log tells of a failure, once in ten seconds.
func (p *Processor) log(ctx context.Context, err error) {
	const quiet = 10
	now, last := p.now().Unix(), p.logged.Load()
	if ctx.Err() != nil || now-last < quiet || !p.logged.CompareAndSwap(last, now) {
		return
	}
	p.logger.Error("a quota can't be counted", "quota", p.name, "error", err, "allowed", p.allow)
}

// pause is how long to wait before a call is tried again. The reference names the
// strategies only; the unit, 10 ms, is our choice: a client is waiting.
func pause(strategy string, try int) time.Duration {
	const unit = 10 * time.Millisecond
	d := unit
	switch strategy {
	case "linear", "linear-jitter":
		d = unit * time.Duration(try+1)
	case "exponential", "exponential-jitter":
		d = unit << min(try, 6)
	}
	if strategy == "linear-jitter" || strategy == "exponential-jitter" {
		d = d/2 + rand.N(d/2)
	}
	return d
}

// memory counts for one gateway. What it holds is bounded by accounts, not by keys.
type memory struct {
	seed   maphash.Seed
	shards [256]ledger
	most   int // accounts in a shard
}

// mostAccounts bounds how many clients are remembered, at about 100 bytes each.
// Beyond it, of a few, one that has used least is forgotten.
const mostAccounts = 1 << 20

type ledger struct {
	mu       sync.Mutex
	accounts map[account][]usage // one usage a limit of the rule
	cleaned  int64               // Unix seconds
}

// account is a client under a rule: a hash of its key, so that no key is kept.
type account struct {
	rule *rule
	hash uint64
}

// usage is what was used in a window.
type usage struct {
	start, end int64 // of the window, Unix seconds
	used       int64
}

func newMemory() *memory {
	m := &memory{seed: maphash.MakeSeed()}
	m.most = mostAccounts / len(m.shards)
	return m
}

// count implements counter. It never fails.
func (m *memory) count(_ context.Context, c *charge) (ok bool, err error) {
	id := account{rule: c.rule, hash: maphash.String(m.seed, c.key)}
	l := &m.shards[id.hash%uint64(len(m.shards))]
	now := c.now.Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now-l.cleaned >= 60 {
		l.clean(now)
	}
	usages, known := l.accounts[id]
	if !known {
		usages = l.open(id, m.most)
	}
	ok = true
	for i := range usages {
		u, limit := &usages[i], c.rule.limits[i]
		if now >= u.end {
			start, end := window(limit.Unit, c.now)
			*u = usage{start: start.Unix(), end: end.Unix()}
		}
		c.used[i] = u.used
		ok = ok && (c.force || u.used+c.n <= limit.Amount)
	}
	if !ok {
		return false, nil
	}
	for i := range usages {
		usages[i].used += c.n
		c.used[i] += c.n
	}
	return true, nil
}

// open begins an account, and forgets another one when there are too many.
func (l *ledger) open(id account, most int) []usage {
	if len(l.accounts) >= most {
		l.forgetOne()
	}
	if l.accounts == nil {
		l.accounts = make(map[account][]usage)
	}
	usages := make([]usage, len(id.rule.limits))
	l.accounts[id] = usages
	return usages
}

// clean forgets the accounts all of whose windows are over.
func (l *ledger) clean(now int64) {
	l.cleaned = now
	for id, usages := range l.accounts {
		over := true
		for _, u := range usages {
			over = over && now >= u.end
		}
		if over {
			delete(l.accounts, id)
		}
	}
	if len(l.accounts) == 0 {
		l.accounts = nil // a map keeps the room of the most it ever held
	}
}

func (l *ledger) forgetOne() {
	const few = 8
	var victim account
	least, seen := int64(0), 0
	for id, usages := range l.accounts {
		most := int64(0)
		for _, u := range usages {
			most = max(most, u.used)
		}
		if seen == 0 || most < least {
			victim, least = id, most
		}
		if seen++; seen == few {
			break
		}
	}
	delete(l.accounts, victim)
}

var (
	_ counter = (*memory)(nil)
	_ counter = (*Redis)(nil)
)

// ruleOf finds a rule by its name.
func (p *Processor) ruleOf(name string) (*rule, error) {
	if r, ok := p.rules[name]; ok {
		return r, nil
	}
	return nil, fmt.Errorf("%q is not a rule of %s", name, p.name)
}
