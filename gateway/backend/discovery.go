package backend

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// places are the hosts of a backend, and the addresses on them where they are always
// the same. Nothing of it changes.
type places struct {
	hosts []host
	fixed []*url.URL // one a host, when the pattern has no parameters
}

// add appends h.
func (p *places) add(h host, t *target) error {
	p.hosts = append(p.hosts, h)
	if !t.fixed() {
		return nil
	}
	u, err := t.url(&h, &Call{}, "")
	if err != nil {
		return err
	}
	p.fixed = append(p.fixed, u)
	return nil
}

const (
	// lookupTimeout bounds one question to the DNS.
	lookupTimeout = 5 * time.Second
	// lookupPause is how long after a lookup that failed the next may follow.
	lookupPause = time.Second
	// maxSlots bounds how often all hosts together stand in the list of which one is
	// taken: a host stands there as often as its weight says.
	maxSlots = 100
)

// discovery finds a backend's hosts by DNS SRV records, again every TTL; the last
// answer that was one is kept (KrakenD v3, 1.4).
type discovery struct {
	config.Discovery
	resolver *net.Resolver
	target   *target
	now      func() time.Time

	found  atomic.Pointer[places] // nil: none yet
	failed atomic.Pointer[error]  // of the last question, while there is no answer
	stale  atomic.Int64           // when to ask again; Unix ns
	asking singleflight.Group
}

func newDiscovery(d *config.Discovery, t *target) *discovery {
	return &discovery{Discovery: *d, resolver: net.DefaultResolver, target: t, now: time.Now}
}

// places returns the hosts as they are known. Only the first calls wait for the DNS;
// later it is asked again in the background.
func (d *discovery) places(ctx context.Context) (*places, error) {
	found := d.found.Load()
	if d.now().UnixNano() < d.stale.Load() {
		if found != nil {
			return found, nil
		}
		if failed := d.failed.Load(); failed != nil {
			return nil, *failed
		}
	}
	answered := d.asking.DoChan("", func() (any, error) { return nil, d.ask(context.WithoutCancel(ctx)) })
	if found != nil {
		return found, nil
	}
	select {
	case a := <-answered:
		return d.found.Load(), a.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ask looks the records up and keeps the answer.
func (d *discovery) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	_, records, err := d.resolver.LookupSRV(ctx, "", "", d.Name)
	var found *places
	if err == nil || len(records) > 0 { // some may be unusable
		found, err = d.read(records)
	}
	if err != nil {
		err = fmt.Errorf("no hosts available: %w", err)
		d.failed.Store(&err)
		d.stale.Store(d.now().Add(min(lookupPause, d.TTL)).UnixNano())
		return err
	}
	d.found.Store(found)
	d.stale.Store(d.now().Add(d.TTL).UnixNano())
	return nil
}

// read takes the hosts of the lowest priority, each as often as its weight says.
func (d *discovery) read(records []*net.SRV) (*places, error) {
	if len(records) == 0 {
		return nil, errors.New("the SRV records of " + d.Name + " name none")
	}
	first := records[0].Priority
	for _, r := range records {
		first = min(first, r.Priority)
	}
	sum, divisor := 0, 0
	var group []*net.SRV
	for _, r := range records {
		if r.Priority == first {
			group = append(group, r)
			sum += weight(r)
			divisor = gcd(divisor, weight(r))
		}
	}
	all := &places{}
	for _, r := range group {
		slots := weight(r) / divisor
		if sum/divisor > maxSlots {
			slots = max(1, weight(r)*maxSlots/sum)
		}
		at := net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))
		h, err := parseHost(d.Scheme + "://" + at)
		if err != nil {
			return nil, err
		}
		for range slots {
			if err := all.add(h, d.target); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// weight is at least 1: a host without one gets few calls, but some (RFC 2782).
func weight(r *net.SRV) int { return max(1, int(r.Weight)) }

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// pick takes one of several at random: nothing is shared between requests.
func (p *places) pick() int {
	if len(p.hosts) == 1 {
		return 0
	}
	return rand.IntN(len(p.hosts))
}
