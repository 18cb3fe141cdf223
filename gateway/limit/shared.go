package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

// shared is Rate with its buckets in Redis, so that several gateways fill and empty the
// same ones. Its key is a hash of what it limits and, for a client, of who that is.
type shared struct {
	all, client pace
	limitAll    bool
	key         keyOf // of clients; nil: they have no limit
	redis       *Redis
	scope       string
	allow       bool // when Redis can't say
	now         func() time.Time
	logger      *slog.Logger
	logged      atomic.Int64 // when a failure was, in Unix seconds
}

func newShared(l *config.RateLimit, params []string, redis *Redis, scope string, o *Options) *shared {
	s := &shared{redis: redis, scope: scope, allow: l.AllowOnFailure, now: o.Now, logger: o.Logger}
	if l.All.PerSecond > 0 {
		s.all, s.limitAll = newPace(l.All), true
	}
	if l.Client.PerSecond > 0 {
		s.client, s.key = newPace(l.Client), newKey(l.Strategy, params, o.ClientIP)
	}
	return s
}

// Admit answers as Rate does, and with 503 when Redis can't say, unless that is
// allowed (the reference does not say the status).
func (s *shared) Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool) {
	if s.key != nil {
		key := s.key(r, values)
		if key == "" {
			refuse(w, r, http.StatusTooManyRequests, moesif.RateLimited)
			return nil, false
		}
		if ok, err := s.take(r.Context(), s.client, "client\x00"+key); !ok {
			status := http.StatusTooManyRequests
			if err != nil {
				status = http.StatusServiceUnavailable
			}
			refuse(w, r, status, moesif.RateLimited)
			return nil, false
		}
	}
	if s.limitAll {
		if ok, _ := s.take(r.Context(), s.all, "all"); !ok {
			refuse(w, r, http.StatusServiceUnavailable, moesif.RateLimited)
			return nil, false
		}
	}
	return r, true
}

// take takes a token from the bucket of whom. ok is true for a failure that is
// allowed; the failure is logged, once in ten seconds.
func (s *shared) take(ctx context.Context, p pace, whom string) (ok bool, err error) {
	sum := sha256.Sum256([]byte(s.scope + "\x00" + whom))
	ok, err = s.redis.take(ctx, "gatemeter:rate:"+hex.EncodeToString(sum[:]), p, s.now)
	if err == nil {
		return ok, nil
	}
	const quiet = 10
	now, last := time.Now().Unix(), s.logged.Load()
	if ctx.Err() == nil && now-last >= quiet && s.logged.CompareAndSwap(last, now) {
		s.logger.Error("a rate limit can't be asked", "error", err, "allowed", s.allow)
	}
	return s.allow, err
}

// bucketScript is pace.take in microseconds: ARGV has the time of a token, the depth,
// now, or -1 for the server's clock, which all gateways agree on, and the milliseconds
// that a full bucket is kept.
var bucketScript = rueidis.NewLuaScript(`
local token, depth, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now < 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
if full - now > depth - token + 1 then return 0 end
full = full + token
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', string.format('%.0f', math.ceil((full - now) / 1000) + tonumber(ARGV[4])))
return 1`)

// take takes a token from the bucket at key, if there is one. A nil now is the
// server's clock.
func (r *Redis) take(ctx context.Context, key string, p pace, now func() time.Time) (ok bool, err error) {
	client, err := r.connected(ctx)
	if err != nil {
		return false, err
	}
	at := int64(-1)
	if now != nil {
		at = now().UnixMicro()
	}
	micro := func(ns int64) string { return strconv.FormatFloat(float64(ns)/1e3, 'f', 3, 64) }
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	args := []string{micro(p.token), micro(p.depth), strconv.FormatInt(at, 10), strconv.FormatInt(graceOfKeys.Milliseconds(), 10)}
	n, err := bucketScript.Exec(ctx, client, []string{key}, args).AsInt64()
	if err != nil {
		return false, fmt.Errorf("asking Redis: %w", err)
	}
	return n == 1, nil
}
