package moesif

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/moesif/govern"
	"github.com/gatemeter/gatemeter/moesif/identity"
	"github.com/gatemeter/gatemeter/moesif/push"
	"github.com/gatemeter/gatemeter/moesif/queue"
	"github.com/gatemeter/gatemeter/moesif/rule"
)

// Options are what an Integration needs besides its Config. The zero value works.
type Options struct {
	// Logger is told what happens to events; default none.
	Logger *slog.Logger
	// Transport reaches the collector; default one of its own.
	Transport http.RoundTripper
	// Compile makes a predicate of the expression should_skip. Without it a
	// Config with should_skip is refused.
	Compile func(expression string) (Predicate, error)
	// TrustedProxies are those whose X-Forwarded-For is believed. With none,
	// everybody's is (KrakenD v3, 1.6).
	TrustedProxies []netip.Prefix
	// Version is sent to the collector as the User-Agent's version.
	Version string
	// Hooks tell what only the program knows.
	Hooks Hooks
}

// Integration records the exchanges of a service and reports them to a collector.
// Its methods are safe for concurrent use. It has goroutines of its own until Close.
type Integration struct {
	logger        *slog.Logger
	sources       identity.Sources
	masks         masks
	skip          Predicate // nil: nothing is skipped
	trusted       []netip.Prefix
	metadata      json.RawMessage
	requestLimit  int // bytes kept of a request's body
	responseLimit int // bytes kept of an answer's body

	blockListedIPs bool
	debug          bool
	hooks          Hooks

	sampler   sampler   // owned by the goroutine that judges
	unskipped unskipped // likewise

	blocked, modified atomic.Int64 // requests that rules have acted on

	queue  *queue.Queue
	pusher *push.Pusher
	rules  *govern.Rules
	stop   context.CancelFunc // ends rules.Run
	ended  chan struct{}      // closed when rules.Run has ended
	close  sync.Once
	closed error // of the first Close
}

// New starts an integration. Config is best made by ParseConfig and
// WithEnvironment; the numbers it leaves at zero take their defaults.
func New(cfg Config, o Options) (*Integration, error) {
	if cfg.ApplicationID == "" {
		return nil, errNoApplicationID
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	skip, err := compile(cfg.ShouldSkip, o.Compile)
	if err != nil {
		return nil, err
	}
	in := &Integration{
		logger:   logger,
		sources:  sources(cfg),
		masks:    newMasks(cfg),
		skip:     skip,
		trusted:  o.TrustedProxies,
		metadata: cfg.Metadata,
		hooks:    o.Hooks,
		debug:    cfg.Debug,

		blockListedIPs: cfg.BlockListedIPs,

		unskipped: unskipped{logger: logger},
		ended:     make(chan struct{}),
	}
	if cfg.LogBody {
		in.requestLimit, in.responseLimit = cfg.RequestMaxBodySize, cfg.ResponseMaxBodySize
	}
	queueBytes := cfg.EventQueueBytes
	if queueBytes == 0 {
		queueBytes = defaultQueueBytes()
	}
	agent := "gatemeter"
	if o.Version != "" {
		agent += "/" + o.Version
	}
	in.rules, err = govern.New(govern.Options{
		URL:           cfg.CollectorURL,
		ApplicationID: cfg.ApplicationID,
		UserAgent:     agent,
		Transport:     o.Transport,
		CacheFile:     cfg.RulesCache,
		Compile:       rule.Options{BlockListedIPs: cfg.BlockListedIPs},
		Debug:         cfg.Debug,
		Logger:        logger,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Namespace, err)
	}
	in.queue, err = queue.Open(queue.Options{
		MaxEvents:  cfg.EventQueueSize,
		MaxBytes:   queueBytes,
		BatchSize:  cfg.BatchSize,
		FlushAfter: cfg.TimerWakeUp,
		Spool:      queue.Spool{Dir: cfg.SpoolDir, MaxBytes: cfg.SpoolMaxBytes},
		Logger:     logger,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Namespace, err)
	}
	in.pusher, err = push.New(push.Options{
		URL:           cfg.CollectorURL,
		ApplicationID: cfg.ApplicationID,
		UserAgent:     agent,
		Transport:     o.Transport,
		Debug:         cfg.Debug,
		Saw:           in.rules.Saw,
		Logger:        logger,
	}, in.queue)
	if err != nil {
		_, saving := in.queue.Save()
		return nil, errors.Join(fmt.Errorf("%s: %w", Namespace, err), saving)
	}
	go in.pusher.Run(context.Background())
	ctx, stop := context.WithCancel(context.Background())
	in.stop = stop
	go func() {
		defer close(in.ended)
		in.rules.Run(ctx)
	}()
	return in, nil
}

func sources(cfg Config) identity.Sources {
	return identity.Sources{
		UserHeaders:   cfg.UserIDHeaders,
		UserClaim:     cfg.UserIDJWTClaim,
		CompanyHeader: cfg.IdentifyCompany.Header,
		CompanyClaim:  cfg.IdentifyCompany.JWTClaim,
		CompanyQuery:  cfg.IdentifyCompany.QueryString,
	}
}

func compile(expression string, with func(string) (Predicate, error)) (Predicate, error) {
	if expression == "" {
		return nil, nil
	}
	if with == nil {
		return nil, fmt.Errorf("%s.should_skip: not available in this build: remove it", Namespace)
	}
	skip, err := with(expression)
	if err != nil {
		return nil, fmt.Errorf("%s.should_skip: %w", Namespace, err)
	}
	return skip, nil
}

// Wrap is Capture around Govern around next: all that a service without a
// gateway needs.
func (in *Integration) Wrap(next http.Handler) http.Handler {
	return in.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if in.Govern(w, r) {
			next.ServeHTTP(w, r)
		}
	}))
}

// Flush pushes what is there without waiting for a full batch or the timer. It
// does not wait for the push.
func (in *Integration) Flush() { in.queue.Flush() }

// Close delivers what is queued until ctx ends, and keeps the rest in the spool if
// there is one. What is captured afterwards is dropped and counted. The error says
// how many events were lost, if any; a second Close returns the same.
func (in *Integration) Close(ctx context.Context) error {
	in.close.Do(func() {
		in.stop()
		<-in.ended
		in.closed = in.end(ctx)
	})
	return in.closed
}

func (in *Integration) end(ctx context.Context) error {
	undelivered := in.pusher.Close(ctx)
	saved, err := in.queue.Save()
	if undelivered == nil {
		return nil
	}
	if err == nil && saved.Events > 0 {
		in.logger.Warn("moesif: events are kept on disk and sent at the next start",
			"events", saved.Events, "dir", saved.Dir, "why", undelivered)
		return nil
	}
	return fmt.Errorf("moesif: %w", undelivered)
}

// Stats are the books of an integration at one moment:
// Captured + Recovered = Sent + Skipped + ΣRejected + ΣDropped + Queued.
type Stats struct {
	Captured    int64            // exchanges that were to be reported
	Recovered   int64            // found in the spool at the start
	Sent        int64            // acknowledged by the collector
	Skipped     int64            // not to be reported: by should_skip, or by the sample rate
	Sampled     int64            // those of Skipped that the weights of others stand for
	Queued      int64            // held: in memory, on disk, on their way to the collector
	QueuedBytes int64            // of memory held by them
	Rejected    map[string]int64 // refused for good by the collector, by reason
	Dropped     map[string]int64 // given up here, by reason

	Spooled      int64 // those of Queued that are on disk
	SpooledBytes int64 // of the disk held by them
	SpoolErrors  int64 // times the disk has failed; nothing is lost by that alone

	Blocked        int64     // requests that a rule has answered
	Modified       int64     // requests that rules have let pass with other headers on the answer
	Rules          int       // in force
	RulesConfirmed time.Time // when the collector last said which rules there are; zero: not yet
}

// Stats reads the books.
func (in *Integration) Stats() Stats {
	s := in.queue.Stats()
	return Stats{
		Captured:    s.Put,
		Recovered:   s.Recovered,
		Sent:        s.Sent,
		Skipped:     s.Skipped,
		Sampled:     s.Sampled,
		Queued:      s.Queued,
		QueuedBytes: s.QueuedBytes,
		Rejected:    s.Rejected,
		Dropped:     s.Dropped,

		Spooled:      s.Spooled,
		SpooledBytes: s.SpooledBytes,
		SpoolErrors:  s.SpoolErrors,

		Blocked:        in.blocked.Load(),
		Modified:       in.modified.Load(),
		Rules:          in.rules.Set().Rules(),
		RulesConfirmed: in.rules.Confirmed(),
	}
}
