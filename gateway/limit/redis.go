package limit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Redis is one connection of the redis block: a server or a cluster, shared by the
// processors that name it. It connects when it is first needed, so that a gateway
// starts, and goes on, without it. It is safe for concurrent use.
type Redis struct {
	options rueidis.ClientOption
	timeout time.Duration // of a command

	mu      sync.Mutex
	client  rueidis.Client // nil: not connected
	attempt chan struct{}  // closed when the attempt to connect that is under way ends; nil: none is
	err     error          // of the last attempt
	next    time.Time      // of the next one
	closed  bool
}

// NewRedis makes ready to connect as c says. secure is the TLS to use, nil for none.
func NewRedis(c *config.Redis, secure *tls.Config) *Redis {
	return &Redis{
		timeout: c.Timeout,
		options: rueidis.ClientOption{
			InitAddress:       c.Addresses,
			ForceSingleClient: !c.Cluster,
			Username:          c.User,
			Password:          c.Password,
			SelectDB:          c.DB,
			TLSConfig:         secure,
			Dialer:            net.Dialer{Timeout: c.DialTimeout},
			ConnWriteTimeout:  max(c.Timeout, time.Second),
			ClientName:        "gatemeter",
			DisableCache:      true,
			DisableRetry:      true,
			// Small: scripts and their answers are short.
			ReadBufferEachConn: 32 << 10, WriteBufferEachConn: 32 << 10,
		},
	}
}

// tryEvery is the least time between two attempts to connect.
const tryEvery = time.Second

var errClosed = errors.New("the connection to Redis is closed")

// connected gives the client. Who finds none connects; whoever comes meanwhile waits
// for that, but only the first time: after a failure, and for a second, the others get
// the last error at once.
func (r *Redis) connected(ctx context.Context) (rueidis.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, errClosed
	case r.client != nil:
		return r.client, nil
	case r.err != nil && (r.attempt != nil || time.Now().Before(r.next)):
		return nil, r.err
	case r.attempt == nil:
		r.attempt = make(chan struct{})
		go r.connect(r.attempt)
	}
	attempt := r.attempt
	r.mu.Unlock()
	wait := time.NewTimer(r.options.Dialer.Timeout)
	defer wait.Stop()
	var err error
	select {
	case <-attempt:
	case <-wait.C:
		err = errors.New("connecting to Redis takes too long")
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.mu.Lock()
	switch {
	case err != nil:
		return nil, err
	case r.client == nil:
		return nil, r.err
	}
	return r.client, nil
}

// connect is one attempt.
func (r *Redis) connect(done chan struct{}) {
	client, err := rueidis.NewClient(r.options)
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(done)
	r.attempt, r.err = nil, nil
	switch {
	case err != nil:
		r.err = fmt.Errorf("connecting to Redis: %w", err)
		r.next = time.Now().Add(tryEvery)
	case r.closed:
		client.Close()
		r.err = errClosed
	default:
		r.client = client
	}
}

// Close ends the connections, and waits for an attempt to make one.
func (r *Redis) Close() {
	r.mu.Lock()
	r.closed = true
	client, attempt := r.client, r.attempt
	r.client = nil
	r.mu.Unlock()
	if attempt != nil {
		<-attempt
	}
	if client != nil {
		client.Close()
	}
}

// script counts ARGV[1] for all KEYS or for none. For each key follow its limit, -1
// when it only counts, and the milliseconds until it may be forgotten. It gives 1 or
// 0, and what is used of each.
var script = rueidis.NewLuaScript(`
local n = tonumber(ARGV[1])
local reply = {1}
for i, key in ipairs(KEYS) do
  local used = tonumber(redis.call('GET', key) or '0')
  local limit = tonumber(ARGV[2 * i])
  if limit >= 0 and used + n > limit then reply[1] = 0 end
  reply[i + 1] = used
end
if reply[1] == 1 then
  for i, key in ipairs(KEYS) do
    reply[i + 1] = redis.call('INCRBY', key, ARGV[1])
    redis.call('PEXPIRE', key, ARGV[2 * i + 1])
  end
end
return reply`)

// graceOfKeys is how long a key outlives its window, or its bucket the instant at
// which it is full: clocks differ.
const graceOfKeys = time.Minute

// count implements counter, in one atomic script.
func (r *Redis) count(ctx context.Context, c *charge) (ok bool, err error) {
	client, err := r.connected(ctx)
	if err != nil {
		return false, err
	}
	keys := make([]string, len(c.rule.limits))
	args := make([]string, 1, 1+2*len(keys))
	args[0] = strconv.FormatInt(c.n, 10)
	prefix := c.prefix()
	for i, limit := range c.rule.limits {
		start, end := window(limit.Unit, c.now)
		keys[i] = prefix + limit.Unit + ":" + strconv.FormatInt(start.Unix(), 10)
		most := limit.Amount
		if c.force {
			most = -1
		}
		args = append(args, strconv.FormatInt(most, 10), strconv.FormatInt((end.Sub(c.now)+graceOfKeys).Milliseconds(), 10))
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	reply, err := script.Exec(ctx, client, keys, args).AsIntSlice()
	if err != nil {
		return false, fmt.Errorf("counting in Redis: %w", err)
	}
	if len(reply) != 1+len(keys) {
		return false, fmt.Errorf("counting in Redis: %d numbers came back for %d limits", len(reply), len(keys))
	}
	copy(c.used, reply[1:])
	return reply[0] == 1, nil
}

// prefix begins the keys of a charge. Nothing a client sends can leave its place in
// it: names and keys are escaped, and only a hash begins with =. The braces keep all
// keys of a client on one server of a cluster.
func (c *charge) prefix() string {
	key := "=" + c.key
	if !c.hashed {
		key = url.QueryEscape(c.key)
	}
	return "gatemeter:quota:{" + url.QueryEscape(c.rule.processor) + ":" + url.QueryEscape(c.rule.name) + ":" + key + "}:"
}
