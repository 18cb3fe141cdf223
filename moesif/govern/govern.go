// Package govern keeps the governance rules and the configuration of an
// application in step with a collector, and holds them compiled.
//
// A collector that honours `Prefer: wait` (RFC 7240) is asked by long polls, and
// a change is in force a round trip later. Of any other, the tags on its answers
// to pushes tell that something changed; every 30 seconds it is asked anyway.
package govern

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Options say whose rules are kept in step with which collector. Zero values take
// the defaults.
type Options struct {
	URL           string            // base URL of the collector, default https://api.moesif.net
	ApplicationID string            // sent as X-Moesif-Application-Id; required
	UserAgent     string            // default gatemeter
	Transport     http.RoundTripper // default: one of its own
	CacheFile     string            // keeps the last good documents for the next start; "" is none
	Compile       rule.Options
	Debug         bool         // log every answer
	Logger        *slog.Logger // default none
}

// Rules are the rules in force. Methods are safe for concurrent use.
type Rules struct {
	o                   Options
	configURL, rulesURL string
	client              *http.Client

	set       atomic.Pointer[rule.Set]
	confirmed atomic.Int64 // nanoseconds since 1970; 0 is never

	news       chan struct{} // holds one after a tag came that was not seen before
	mu         sync.Mutex
	seenConfig tags // the last ones on any answer; under mu
	seenRules  tags // under mu

	running sync.Mutex // held by Run; what follows is Run's
	held    pair
	cache   *cache // nil is none
	mode    mode
	pace    pace
	trouble trouble
	faults  []rule.Problem // of the set in force
}

// New returns rules that are not in step yet: none, or those of the cache file if
// it has any of this application. A cache that can not be read is logged and not
// used. It is an error if the URL is not one of a collector, there is no
// application id, or the cache file could not be written.
func New(o Options) (*Rules, error) {
	configURL, err := wire.CollectorURL(o.URL, "v1/config")
	if err != nil {
		return nil, fmt.Errorf("govern: %w", err)
	}
	rulesURL, err := wire.CollectorURL(o.URL, "v1/rules")
	if err != nil {
		return nil, fmt.Errorf("govern: %w", err)
	}
	if o.ApplicationID == "" {
		return nil, errors.New("govern: application_id is missing")
	}
	if o.UserAgent == "" {
		o.UserAgent = "gatemeter"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	r := &Rules{
		o:         o,
		configURL: configURL,
		rulesURL:  rulesURL,
		client: &http.Client{
			Transport: o.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the application id does not go where nobody sent it
			},
		},
		news: make(chan struct{}, 1),
	}
	if o.CacheFile == "" {
		return r, nil
	}
	if r.cache, err = newCache(o.CacheFile, o.ApplicationID, o.Logger); err != nil {
		return nil, fmt.Errorf("govern: rules_cache: %w", err)
	}
	if held, ok := r.cache.load(); ok {
		r.install(held)
		r.note(held.config.tags.latest(), held.rules.tags.latest())
	}
	return r, nil
}

// Set returns the rules in force. It is nil, which is a Set without rules, until
// the collector or the cache gave some.
func (r *Rules) Set() *rule.Set { return r.set.Load() }

// Confirmed says when the collector last told what the rules are, changed or not;
// the zero time is never. The cache does not count.
func (r *Rules) Confirmed() time.Time {
	n := r.confirmed.Load()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// Saw hands over the tags of the answer to a push, "" for none, and never blocks.
// One that is new has the collector asked at once. The last two are not new: the
// nodes of a collector that do not agree take turns with theirs (Moesif wire, 3.4).
func (r *Rules) Saw(config, rules string) {
	if r.note(readTag(config), readTag(rules)) {
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
}

// note remembers tags, and reports whether one of them was not seen lately.
func (r *Rules) note(config, rules string) (isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if config != "" && !r.seenConfig.has(config) {
		r.seenConfig = r.seenConfig.with(config)
		isNew = true
	}
	if rules != "" && !r.seenRules.has(rules) {
		r.seenRules = r.seenRules.with(rules)
		isNew = true
	}
	return isNew
}

// Run fetches at once, then keeps in step until ctx ends. A second Run while one
// is under way returns at once.
func (r *Rules) Run(ctx context.Context) {
	if !r.running.TryLock() {
		return
	}
	defer r.running.Unlock()
	defer r.client.CloseIdleConnections()
	for ctx.Err() == nil {
		select {
		case <-r.news: // whatever it was, the collector is asked now
		default:
		}
		done, err := r.step(ctx)
		if ctx.Err() != nil {
			break
		}
		rest := r.settle(done, err)
		r.cache.save(r.held, saveEvery)
		r.sleep(ctx, rest)
	}
	r.cache.save(r.held, 0)
}

// sleep is what lies between two steps.
func (r *Rules) sleep(ctx context.Context, p rest) {
	timer := time.NewTimer(p.least)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	if p.most == 0 {
		return
	}
	select {
	case <-r.news: // also where no time is left: the next step is because of a tag
		r.mode.woken = true
		return
	default:
	}
	timer.Reset(max(0, p.most-p.least))
	select {
	case <-timer.C:
	case <-r.news:
		r.mode.woken = true
	case <-ctx.Done():
	}
}
