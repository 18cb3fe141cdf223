// Package cache keeps answers of backends in memory and gives them again as long as
// HTTP allows: a cache by RFC 9111 that is private to each credential (KrakenD v3,
// 1.9: qos/http-cache).
package cache

import (
	"container/list"
	"net/http"
	"sync"
	"time"
)

// Store holds answers, bounded in number and bytes; the least recently used go
// first. It is safe for concurrent use.
type Store struct {
	maxItems, maxBytes int

	mu    sync.Mutex
	bytes int
	used  list.List                  // of *item, the most recently used first
	items map[string][]*list.Element // by method and address; the variants of each
}

// NewStore makes a store of at most items answers (0: any number) and bytes bytes.
func NewStore(items, bytes int) *Store {
	return &Store{maxItems: items, maxBytes: bytes, items: map[string][]*list.Element{}}
}

// item is one stored answer. It never changes: a validated one is another item.
type item struct {
	key string

	status   int
	header   http.Header // with Date; without what belongs to a connection
	body     []byte
	asked    time.Time // when the backend was asked
	received time.Time // when its answer was there

	vary   []string   // canonical names of the headers that Vary lists
	varied []string   // their values in the request
	who    credential // whose answer it is
}

// size is about what an item takes in memory, in bytes.
func (i *item) size() int {
	n := 512 + len(i.key) + len(i.body)
	for name, values := range i.header {
		n += 48 + len(name)
		for _, v := range values {
			n += 16 + len(v)
		}
	}
	return n
}

// maxVariants bounds the answers for one address.
const maxVariants = 64

// largest is how many bytes of a body are worth keeping.
func (s *Store) largest() int { return min(s.maxBytes/4, 16<<20) }

// find returns the stored answer for r, nil when there is none.
func (s *Store) find(key string, r *http.Request, who credential) *item {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.items[key] {
		if i := e.Value.(*item); i.suits(r, who) {
			s.used.MoveToFront(e)
			return i
		}
	}
	return nil
}

// put stores i, in the place of what it answers as well.
func (s *Store) put(i *item, r *http.Request) {
	if i.size() > s.maxBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.items[i.key] {
		old := e.Value.(*item)
		if old.suits(r, i.who) || i.who == nobody && old.who != nobody && old.suits(r, old.who) {
			s.drop(e)
			break
		}
	}
	if variants := s.items[i.key]; len(variants) >= maxVariants {
		s.drop(variants[0])
	}
	s.items[i.key] = append(s.items[i.key], s.used.PushFront(i))
	s.bytes += i.size()
	for s.bytes > s.maxBytes || s.maxItems > 0 && s.used.Len() > s.maxItems {
		s.drop(s.used.Back())
	}
}

// forget drops all answers for an address.
func (s *Store) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.items[key]) > 0 {
		s.drop(s.items[key][0])
	}
}

// drop removes one; the lock is held.
func (s *Store) drop(e *list.Element) {
	i := s.used.Remove(e).(*item)
	s.bytes -= i.size()
	variants := s.items[i.key]
	kept := make([]*list.Element, 0, len(variants))
	for _, v := range variants {
		if v != e {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		delete(s.items, i.key)
		return
	}
	s.items[i.key] = kept
}
