package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// mostVerified bounds the tokens that are remembered, and mostVerifiedBytes their
	// texts, which their claims are a small multiple of.
	mostVerified      = 20_000
	mostVerifiedBytes = 16 << 20
	shards            = 64
)

// verified remembers tokens that were verified, so that one that comes again costs
// little. It forgets those that have not come for long, when there are many. What is
// remembered is the hash of a token, never the token.
type verified struct {
	shards [shards]shard
	count  int // a half of what a shard holds, in tokens
	bytes  int // and in bytes
}

// shard holds a generation of tokens that have come lately, and the one before. When
// the young one is full it becomes the old one: what has not come by then is gone.
type shard struct {
	mu         sync.Mutex // guards the fields below
	young, old map[tokenID]*knownToken
	bytes      int // of young
}

// tokenID is the hash of a token, and the way in which it was verified.
type tokenID struct {
	sum  [sha256.Size]byte
	kind uint32
}

// knownToken is a token that was verified, never changed.
type knownToken struct {
	claims map[string]any
	ring   *keyring // that had its key
	until  time.Time
	bytes  int
}

func newVerified(most int) *verified {
	return &verified{count: max(1, most/shards/2), bytes: mostVerifiedBytes / shards / 2}
}

func (v *verified) shard(id *tokenID) *shard { return &v.shards[id.sum[0]%shards] }

// get is the token called id if it counts at now.
func (v *verified) get(id tokenID, now time.Time) *knownToken {
	s := v.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	t, young := s.young[id]
	if t == nil {
		t = s.old[id]
	}
	if t == nil || now.After(t.until) {
		return nil
	}
	if !young {
		v.add(s, id, t)
	}
	return t
}

func (v *verified) put(id tokenID, t *knownToken) {
	if t.bytes > v.bytes {
		return
	}
	s := v.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	v.add(s, id, t)
}

// add puts t into the young generation. The lock is held.
func (v *verified) add(s *shard, id tokenID, t *knownToken) {
	if before := s.young[id]; before != nil {
		s.bytes -= before.bytes
	} else if len(s.young) >= v.count || s.bytes+t.bytes > v.bytes {
		s.old, s.young, s.bytes = s.young, nil, 0
	}
	if s.young == nil {
		s.young = make(map[tokenID]*knownToken)
	}
	s.young[id] = t
	s.bytes += t.bytes
}
