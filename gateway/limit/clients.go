package limit

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// mostClients bounds how many clients one limit remembers (about 40 bytes each).
// Beyond it the one that has waited longest, of a few, is forgotten: its bucket is
// full again.
const mostClients = 1 << 20

// mostShards bounds num_shards: more locks than that help nobody, and each costs
// memory in every endpoint.
const mostShards = 256

// clients has a bucket for each client. A client is remembered by a hash of its key
// with a random seed, so that no key, which may be a secret or a megabyte long, is
// kept.
type clients struct {
	pace
	clock
	seed    maphash.Seed
	shards  []shard
	most    int   // buckets in a shard
	cleanup int64 // nanoseconds between two cleanings of a shard
}

type shard struct {
	mu      sync.Mutex
	full    map[uint64]int64 // by the hash of a client's key; see pace
	cleaned int64            // when it was
}

func newClients(l *config.RateLimit, now func() time.Time) *clients {
	shards := min(l.Shards, mostShards)
	return &clients{
		pace:    newPace(l.Client),
		clock:   newClock(now),
		seed:    maphash.MakeSeed(),
		shards:  make([]shard, shards),
		most:    max(1, mostClients/shards),
		cleanup: int64(l.CleanupPeriod),
	}
}

// allow takes a token from the bucket of the client with this key, if there is one.
func (c *clients) allow(key string) bool {
	hash := maphash.String(c.seed, key)
	s := &c.shards[hash%uint64(len(c.shards))]
	now := c.instant()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now-s.cleaned >= c.cleanup {
		s.clean(now)
	}
	full, known := s.full[hash]
	next, ok := c.take(full, now)
	if !ok {
		return false
	}
	if !known && len(s.full) >= c.most {
		s.forgetOne()
	}
	if s.full == nil {
		s.full = make(map[uint64]int64)
	}
	s.full[hash] = next
	return true
}

// clean forgets the clients whose buckets are full: they are as good as new ones.
func (s *shard) clean(now int64) {
	s.cleaned = now
	for hash, full := range s.full {
		if full <= now {
			delete(s.full, hash)
		}
	}
	if len(s.full) == 0 {
		s.full = nil // a map keeps the room of the most it ever held
	}
}

// forgetOne makes room: of a few clients, which a map gives in random order, the one
// whose bucket is closest to full.
func (s *shard) forgetOne() {
	const few = 8
	var victim uint64
	var least int64
	seen := 0
	for hash, full := range s.full {
		if seen == 0 || full < least {
			victim, least = hash, full
		}
		if seen++; seen == few {
			break
		}
	}
	delete(s.full, victim)
}
