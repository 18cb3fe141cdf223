package rules

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed sampling.sql
var samplingFile string

var samplingQueries = state.ParseQueries(samplingFile)

// samplingLag is how long SDKs may go on with the rates before a change: they ask
// every 5 minutes at the latest (Moesif wire, 3.4).
const samplingLag = 10 * time.Minute

// Sampling knows which rates the configurations of applications had, and when. It
// is safe for concurrent use.
type Sampling struct {
	db *state.DB

	mu   sync.Mutex
	apps map[string]*Rates // guarded by mu
}

// NewSampling returns what db knows.
func NewSampling(db *state.DB) *Sampling { return &Sampling{db: db, apps: map[string]*Rates{}} }

// Rates are those of one application, over time. nil: it never had any.
type Rates struct {
	version [2]int64
	periods []period // oldest first
}

// period is from when a configuration was in force until the next one was.
type period struct {
	since  time.Time
	config wire.AppConfig
	set    *rule.Set
}

// Of returns the rates of an application as they are stored now.
func (s *Sampling) Of(ctx context.Context, app string) (*Rates, error) {
	var version [2]int64
	err := s.db.Reader().QueryRowContext(ctx, samplingQueries.Get("sampling_version"), app).Scan(&version[0], &version[1])
	if err != nil {
		return nil, fmt.Errorf("sampling rates of %s: %w", app, err)
	}
	if version[0] == 0 {
		return nil, nil //nolint:nilnil // nil is the rates of whoever had none
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.apps[app]; r != nil && r.version == version {
		return r, nil
	}
	r := &Rates{version: version}
	if r.periods, err = s.read(ctx, app); err != nil {
		return nil, fmt.Errorf("sampling rates of %s: %w", app, err)
	}
	s.apps[app] = r
	return r, nil
}

func (s *Sampling) read(ctx context.Context, app string) (list []period, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, samplingQueries.Get("sampling_history"), app)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var since int64
		var text []byte
		if err := rows.Scan(&since, &text); err != nil {
			return nil, err
		}
		p := period{since: time.UnixMicro(since).UTC()}
		if err := json.Unmarshal(text, &p.config); err != nil {
			return nil, fmt.Errorf("since %s: %w", p.since, err)
		}
		p.set = rule.Compile(p.config, nil, rule.Options{})
		list = append(list, p)
	}
	return list, rows.Err()
}

// Rate returns the rate, in percent, at which an SDK kept e, to judge by its
// weight and the rates that were in force at its time; false when no rate makes
// that weight. SDKs do not agree on which of several rates counts, so those that
// Moesif's documentation does not ask for are tried too (Moesif wire, 3.2, 3.3).
func (r *Rates) Rate(e *wire.Event) (int, bool) {
	i := -1
	for k := range r.periods {
		if !r.periods[k].since.After(e.Request.Time) {
			i = k
		}
	}
	if i < 0 {
		return 0, false
	}
	weight := max(1, e.Weight)
	if rate, ok := r.periods[i].rate(e, weight); ok {
		return rate, true
	}
	if i > 0 && e.Request.Time.Sub(r.periods[i].since) < samplingLag {
		return r.periods[i-1].rate(e, weight)
	}
	return 0, false
}

func (p *period) rate(e *wire.Event, weight int) (int, bool) {
	candidates := p.candidates(e)
	for _, rate := range candidates {
		if rate > 0 && 100/rate == weight {
			return rate, true
		}
	}
	for _, rate := range candidates { // litellm rounds
		if rate > 0 && int(math.Round(100/float64(rate))) == weight {
			return rate, true
		}
	}
	return 0, false
}

// candidates are the rates that may have applied to e, the documented one first.
func (p *period) candidates(e *wire.Event) []int {
	subject := rule.Subject{
		UserID: e.UserID, CompanyID: e.CompanyID, Verb: e.Request.Verb, Route: rawPathOf(e.Request.URI), IP: e.Request.IPAddress, Headers: e.Request.Headers,
	}
	if len(e.Request.Body) > 0 && e.Request.TransferEncoding != "base64" {
		subject.Body = rule.Bytes(e.Request.Body)
	}
	if e.Response != nil {
		subject.Status = e.Response.Status
	}
	list := []int{p.set.SampleRate(&subject)}
	if rate, ok := p.config.UserSampleRate[e.UserID]; ok && e.UserID != "" {
		list = append(list, rate)
	}
	if rate, ok := p.config.CompanySampleRate[e.CompanyID]; ok && e.CompanyID != "" {
		list = append(list, rate)
	}
	return append(list, p.config.SampleRate, 100)
}

// rawPathOf is the path of an address as it is written, "/" when it has none.
func rawPathOf(uri string) string {
	if _, rest, ok := strings.Cut(uri, "://"); ok {
		if uri = ""; strings.Contains(rest, "/") {
			uri = rest[strings.IndexByte(rest, '/'):]
		}
	}
	if end := strings.IndexAny(uri, "?#"); end >= 0 {
		uri = uri[:end]
	}
	if uri == "" {
		return "/"
	}
	return uri
}
