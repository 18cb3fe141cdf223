package moesif

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"github.com/gatemeter/gatemeter/moesif/identity"
	"github.com/gatemeter/gatemeter/moesif/push"
	"github.com/gatemeter/gatemeter/moesif/queue"
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

	queue  *queue.Queue
	pusher *push.Pusher
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
	in.queue = queue.New(queue.Options{
		MaxEvents:  cfg.EventQueueSize,
		MaxBytes:   queueBytes,
		BatchSize:  cfg.BatchSize,
		FlushAfter: cfg.TimerWakeUp,
		Logger:     logger,
	})
	in.pusher, err = push.New(push.Options{
		URL:           cfg.CollectorURL,
		ApplicationID: cfg.ApplicationID,
		UserAgent:     agent,
		Transport:     o.Transport,
		Debug:         cfg.Debug,
		Logger:        logger,
	}, in.queue)
	if err != nil {
		in.queue.Close()
		return nil, fmt.Errorf("%s: %w", Namespace, err)
	}
	go in.pusher.Run(context.Background())
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

// Govern decides whether the request may go on: true. When it returns false the
// answer has been written. It stands after the route is matched and
// authentication is done, before rate limits and the backend. Without rules
// everything goes on.
func (in *Integration) Govern(http.ResponseWriter, *http.Request) bool { return true }

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

// Close delivers what is queued until ctx ends. What is captured afterwards is
// dropped and counted. The error says how many events were left, if any; a
// second Close returns the same.
func (in *Integration) Close(ctx context.Context) error {
	in.close.Do(func() {
		if err := in.pusher.Close(ctx); err != nil {
			in.closed = fmt.Errorf("moesif: %w", err)
		}
	})
	return in.closed
}

// Stats are the books of an integration at one moment:
// Captured + Recovered = Sent + Skipped + ΣRejected + ΣDropped + Queued.
type Stats struct {
	Captured    int64            // exchanges that were to be reported
	Recovered   int64            // found on disk at the start; 0 as long as there is no spool
	Sent        int64            // acknowledged by the collector
	Skipped     int64            // by should_skip
	Queued      int64            // held, those on their way to the collector included
	QueuedBytes int64            // held by them
	Rejected    map[string]int64 // refused for good by the collector, by reason
	Dropped     map[string]int64 // given up here, by reason
}

// Stats reads the books.
func (in *Integration) Stats() Stats {
	s := in.queue.Stats()
	return Stats{
		Captured:    s.Put,
		Sent:        s.Sent,
		Skipped:     s.Skipped,
		Queued:      s.Queued,
		QueuedBytes: s.QueuedBytes,
		Rejected:    s.Rejected,
		Dropped:     s.Dropped,
	}
}
