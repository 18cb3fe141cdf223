package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Revoked is the set of revoked values, exact and bounded, in memory. It is handed from
// a configuration to the next one. What is kept of a value is a part of its hash with a
// secret of the process, some 60 bytes of memory each. It is safe for concurrent use;
// looking takes a lock that only adding holds others up with, and none while nothing was
// ever revoked.
type Revoked struct {
	now    func() time.Time
	secret [sha256.Size]byte
	count  atomic.Int64 // of values, those that have expired since the last add among them
	shards [shards]revokedShard

	adding sync.Mutex // held by whoever adds; guards the fields below
	queue  []queued   // by the order in which they expire, from head on
	head   int
}

type revokedShard struct {
	mu    sync.RWMutex
	until map[revocation]uint32 // in seconds since 1970
}

// revocation stands for a claim's name and value. 128 bits of a keyed hash: nobody makes
// two values meet.
type revocation [16]byte

type queued struct {
	id    revocation
	until uint32
}

var errFull = errors.New("as many values are revoked as auth/revoker.N allows")

// NewRevoked returns an empty set. now is its clock, nil: time.Now.
func NewRevoked(now func() time.Time) *Revoked {
	if now == nil {
		now = time.Now
	}
	s := &Revoked{now: now}
	_, _ = rand.Read(s.secret[:]) // never fails
	return s
}

// id is that of a claim's value.
func (s *Revoked) id(key, value string) revocation {
	var room [512]byte // keeps most values off the heap
	text := append(room[:0], s.secret[:]...)
	text = binary.LittleEndian.AppendUint64(text, uint64(len(key)))
	sum := sha256.Sum256(append(append(text, key...), value...))
	return revocation(sum[:len(revocation{})])
}

func (s *Revoked) shard(id revocation) *revokedShard { return &s.shards[id[0]%shards] }

// has reports whether id is revoked at present.
func (s *Revoked) has(id revocation) bool {
	shard := s.shard(id)
	shard.mu.RLock()
	until, ok := shard.until[id]
	shard.mu.RUnlock()
	return ok && s.now().Unix() < int64(until)
}

// add revokes all of ids for ttl, or a second longer, or none of them when there would
// be more than most. One that is revoked already lasts for ttl from now.
func (s *Revoked) add(ids []revocation, ttl time.Duration, most int) error {
	s.adding.Lock()
	defer s.adding.Unlock()
	now := s.now().Unix()
	s.expire(now)
	fresh := map[revocation]bool{}
	for _, id := range ids {
		if _, known := s.shard(id).until[id]; !known { // only adding changes it
			fresh[id] = true
		}
	}
	if s.count.Load()+int64(len(fresh)) > int64(most) {
		return errFull
	}
	until := uint32(now + int64(ttl/time.Second) + 1) // lasts until 2106
	for _, id := range ids {
		s.shard(id).set(id, until)
		if fresh[id] {
			s.queue = append(s.queue, queued{id, until})
			delete(fresh, id)
			s.count.Add(1)
		}
	}
	return nil
}

// set makes id last until then at least.
func (s *revokedShard) set(id revocation, until uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = make(map[revocation]uint32)
	}
	s.until[id] = max(s.until[id], until)
}

// expire forgets what has had its time. Each value is looked at once, or once more for
// each time that it was revoked again.
func (s *Revoked) expire(now int64) {
	for ; s.head < len(s.queue) && int64(s.queue[s.head].until) <= now; s.head++ {
		id := s.queue[s.head].id
		shard := s.shard(id)
		if until := shard.until[id]; int64(until) > now {
			s.queue = append(s.queue, queued{id, until})
			continue
		}
		shard.mu.Lock()
		if delete(shard.until, id); len(shard.until) == 0 {
			shard.until = nil // a map keeps its room otherwise
		}
		shard.mu.Unlock()
		s.count.Add(-1)
	}
	if s.head > len(s.queue)/2 {
		s.queue = append([]queued(nil), s.queue[s.head:]...)
		s.head = 0
	}
}
