package management

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxPerMinute is how many queries one token has in each minute of the clock
// (Moesif wire, 1.3).
const maxPerMinute = 500

// quota counts the queries of this minute.
type quota struct {
	clock func() time.Time

	mu     sync.Mutex
	minute time.Time                 // guarded by mu
	used   map[[sha256.Size]byte]int // by token, which is valid; guarded by mu
}

func newQuota(clock func() time.Time) *quota { return &quota{clock: clock} }

// take uses one query of a token, or refuses.
func (q *quota) take(token string) error {
	now := q.clock()
	key := sha256.Sum256([]byte(token))
	q.mu.Lock()
	defer q.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(q.minute) {
		q.minute, q.used = minute, map[[sha256.Size]byte]int{}
	}
	if q.used[key] >= maxPerMinute {
		p := refusal(http.StatusTooManyRequests, "a token has "+strconv.Itoa(maxPerMinute)+" queries a minute: come again in the next one")
		p.retryAfter = q.minute.Add(time.Minute).Sub(now)
		return p
	}
	q.used[key]++
	return nil
}
