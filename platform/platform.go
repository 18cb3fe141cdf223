// Package platform is the self-hosted side of gatemeter: a collector that speaks
// Moesif's protocol, the stores behind it, and the console.
package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/api"
	"github.com/gatemeter/gatemeter/platform/backup"
	"github.com/gatemeter/gatemeter/platform/cohorts"
	"github.com/gatemeter/gatemeter/platform/collect"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/dashboards"
	"github.com/gatemeter/gatemeter/platform/erase"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/load"
	"github.com/gatemeter/gatemeter/platform/management"
	"github.com/gatemeter/gatemeter/platform/retention"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/gatemeter/gatemeter/platform/sources"
	"github.com/gatemeter/gatemeter/platform/state"
	"github.com/prometheus/client_golang/prometheus"
)

// DefaultListen is the address that the platform's command listens on.
const DefaultListen = "127.0.0.1:9700"

// Options of a Platform. Dir is required.
type Options struct {
	// Dir is the data directory; it is made, closed to others, if it is not there.
	Dir string
	// Listen is the TCP address to serve on. Empty: none, only Handler serves.
	Listen string
	// AdminToken is a bearer token with every right on the console API; empty: none.
	AdminToken string
	// ApplicationID is that of the application a new data directory begins with, 16
	// to 256 visible ASCII characters; empty: a random one.
	ApplicationID string
	// OIDC is the issuer that people can sign in through; the zero value: none.
	OIDC access.OIDC
	// AuditDays is for how many days the audit log is kept; 0 is access.DefaultAuditDays.
	AuditDays int
	// Version is shown in the console.
	Version string
	Clock   func() time.Time // time.Now when nil
	Logger  *slog.Logger     // slog.Default() when nil
}

// Platform is everything behind one data directory.
type Platform struct {
	log       *slog.Logger
	dir       string
	listener  net.Listener // nil when it does not listen
	gate      *access.Gate
	state     *state.DB
	customers *customers.Store
	journal   *journal.Journal
	events    *events.Store
	loader    *load.Loader
	cohorts   *cohorts.Store
	rules     *rules.Rules
	boards    *dashboards.Store
	backups   *backup.Backups
	retention *retention.Retention
	erasures  *erase.Erasures
	sources   *sources.Sources
	loads     prometheus.Histogram
	replay    uint64      // the journal's last block when it was opened
	caughtUp  atomic.Bool // that block is in the store
	handler   http.Handler
	signInURL string

	// closers are called by Close in reverse order.
	closers   []func() error
	closeOnce sync.Once
	closeErr  error
}

// Open opens or creates the data directory and binds the address; Run begins to
// serve. One process at a time can have a data directory.
func Open(ctx context.Context, o Options) (*Platform, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	p := &Platform{log: o.Logger, dir: o.Dir}
	if err := p.open(ctx, o); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Platform) open(ctx context.Context, o Options) error {
	if o.Dir == "" {
		return errors.New("platform: name a data directory with --data")
	}
	if err := p.lock(); err != nil {
		return err
	}
	if err := p.bind(ctx, o.Listen); err != nil {
		return err
	}
	if err := p.openStores(ctx, o); err != nil {
		return err
	}
	p.handler = p.routes(o)
	return p.announce(ctx)
}

// lock makes the data directory and takes it for this process.
func (p *Platform) lock() error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if info, err := os.Stat(p.dir); err == nil && info.Mode().Perm()&0o077 != 0 {
		p.log.Warn("others can read the data directory: chmod 700 it", "dir", p.dir)
	}
	unlock, err := lockDir(p.dir)
	if errors.Is(err, ErrInUse) {
		return fmt.Errorf("%w: stop that one, or name another directory with --data", err)
	}
	if err != nil {
		return err
	}
	p.closers = append(p.closers, unlock)
	return nil
}

// ErrInUse says that another process has the data directory.
var ErrInUse = errors.New("another gatemeter uses it")

func lockDir(dir string) (unlock func() error, err error) {
	unlock, err = lockFile(filepath.Join(dir, "lock"))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("data directory %s: %w", dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return unlock, nil
}

func (p *Platform) bind(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: the port is in use: name another address with --listen", address)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w (the address comes from --listen)", address, err)
	}
	p.listener = listener
	p.closers = append(p.closers, func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (p *Platform) openStores(ctx context.Context, o Options) (err error) {
	if p.state, err = state.Open(ctx, filepath.Join(p.dir, "state.db")); err != nil {
		return err
	}
	p.closers = append(p.closers, p.state.Close)
	p.gate, err = access.Open(ctx, p.state, access.Options{
		AdminToken: o.AdminToken, FirstApplicationID: o.ApplicationID, SecretsFile: filepath.Join(p.dir, "secrets"),
		OIDC: o.OIDC, AuditDays: o.AuditDays, Clock: o.Clock, Logger: o.Logger,
	})
	if err != nil {
		return err
	}
	p.customers = customers.New(p.state, o.Clock)
	p.closers = append(p.closers, func() error { return p.customers.Flush(context.WithoutCancel(ctx)) })
	if p.events, err = events.Open(filepath.Join(p.dir, "events.duckdb"), events.Options{Logger: o.Logger}); err != nil {
		return err
	}
	p.closers = append(p.closers, p.events.Close)
	if p.journal, err = journal.Open(filepath.Join(p.dir, "journal"), journal.Options{Clock: o.Clock, Logger: o.Logger}); err != nil {
		return err
	}
	p.closers = append(p.closers, p.journal.Close)
	p.replay, p.loads = p.journal.Last(), newLoads()
	if p.loader, err = load.New(p.journal, timedStore{p.events, p.loads}, seenSink{p.customers}, o.Logger); err != nil {
		return err
	}
	p.loader.CorrectWeights(load.NewWeights(p.state, o.Clock))
	p.rules = rules.New(p.state, o.Clock)
	p.boards = dashboards.New(p.state, o.Clock)
	if err := p.openCohorts(ctx, o); err != nil {
		return err
	}
	return p.openUpkeep(o)
}

// routes puts the parts together under one address.
func (p *Platform) routes(o Options) http.Handler {
	metrics := p.newMetrics(o.Clock)
	collector := collect.New(collect.Options{
		Gate: p.gate, Journal: p.sources.Watch(p.journal), Customers: p.customers, Rules: p.rules,
		Limit: p.gate.TakeEvents, Clock: o.Clock, Logger: o.Logger, Metrics: metrics,
	})
	console := api.New(api.Options{
		Gate: p.gate, Events: p.events, Customers: p.customers, Cohorts: p.cohorts, Rules: p.rules, Books: p.loader, Dashboards: p.boards,
		Backups: p.backups, Retention: p.retention, Metrics: metrics, Sources: p.sources, Erasures: p.erasures, Exporter: p.events,
		Scratch: api.Scratch{Dir: p.dir, Free: p.journal.Free, Reserve: journal.Reserve},
		Clock:   o.Clock, Logger: o.Logger, Version: o.Version,
	})
	scripts := management.New(management.Options{
		Gate: p.gate, State: p.state, Events: p.events, Customers: p.customers, Cohorts: p.cohorts, Rules: p.rules, Clock: o.Clock, Logger: o.Logger,
	})
	return p.mux(byPath(sources.Named(collector), scripts), console, metrics)
}

// announce tells how to sign in for the first time, as long as nobody can.
func (p *Platform) announce(ctx context.Context) error {
	token, err := p.gate.SignInToken(ctx)
	if err != nil {
		return err
	}
	if token == "" {
		return p.gate.WriteSecrets("")
	}
	p.signInURL = p.baseURL() + "/#/sign-in?token=" + token
	text := "# The first sign-in. The token works once; each start makes a new one until somebody has a password.\n" +
		"sign_in_token=" + token + "\n" + "sign_in_url=" + p.signInURL + "\n"
	if err := p.gate.WriteSecrets(text); err != nil {
		return err
	}
	p.log.Info("nobody has a password yet: sign in with this link, it works once", "url", p.signInURL)
	return nil
}

// baseURL is where a browser on this machine finds the platform.
func (p *Platform) baseURL() string {
	if p.listener == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(p.Addr())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Handler serves everything; without Run what comes in is not loaded.
func (p *Platform) Handler() http.Handler { return p.handler }

// Addr is the address it listens on, "" when it does not.
func (p *Platform) Addr() string {
	if p.listener == nil {
		return ""
	}
	return p.listener.Addr().String()
}

// SignInURL is the link of the first sign-in, "" when somebody has a password.
func (p *Platform) SignInURL() string { return p.signInURL }

// Applications lists the applications, oldest first; there is at least one.
func (p *Platform) Applications(context.Context) ([]access.Application, error) {
	return p.gate.Applications(), nil
}

// Empty reports whether no application has received anything yet.
func (p *Platform) Empty(ctx context.Context) (bool, error) {
	books, err := p.loader.Books(ctx)
	return len(books) == 0, err
}

// Close releases everything. Run does it by itself; closing again does nothing.
func (p *Platform) Close() error {
	p.closeOnce.Do(func() {
		if p.rules != nil {
			p.rules.Close()
		}
		var errs []error
		for i := len(p.closers) - 1; i >= 0; i-- {
			errs = append(errs, p.closers[i]())
		}
		p.closeErr = errors.Join(errs...)
	})
	return p.closeErr
}

// seenSink lets the loader tell the customers' store who was seen.
type seenSink struct{ customers *customers.Store }

var _ load.SeenSink = seenSink{}

func (s seenSink) Seen(ctx context.Context, app string, seen []load.Seen) error {
	return s.customers.Seen(ctx, app, s.list(seen))
}

func (s seenSink) SeenAgain(ctx context.Context, app string, seen []load.Seen) error {
	return s.customers.SeenAgain(ctx, app, s.list(seen))
}

func (s seenSink) Flush(ctx context.Context) error { return s.customers.Flush(ctx) }

func (seenSink) list(seen []load.Seen) []customers.Seen {
	list := make([]customers.Seen, len(seen))
	for i, v := range seen {
		list[i] = customers.Seen{Kind: customers.KindCompany, ID: v.ID, First: v.First, Last: v.Last, Company: v.Company}
		if v.Kind == load.User {
			list[i].Kind = customers.KindUser
		}
	}
	return list
}
