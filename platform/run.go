package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"runtime/debug"
	"time"
)

const (
	// stopTime bounds how long running requests may take when it stops.
	stopTime = 15 * time.Second
	// readTime is enough for a 50 MB batch over a slow line.
	readTime = 2 * time.Minute
	// goMemory is what the Go side may take before it collects more eagerly, unless
	// GOMEMLIMIT says otherwise: with the event store's and the journal's memory,
	// which it does not see, the platform stays within 1 GiB.
	goMemory = 208 << 20
	// goGrowth is how much of what is in use may come before garbage is collected, in
	// percent, within goMemory, unless GOGC says otherwise: what is in use is little.
	goGrowth = 200
	// writeTime covers reading, a minute's wait for changed rules, and the answer.
	writeTime = 4 * time.Minute
)

// Run serves until ctx ends, then closes the platform: first no more requests,
// then no more loading, then journal and stores. It can be called once.
func (p *Platform) Run(ctx context.Context) error {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(goMemory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(goGrowth)
	}
	// Its own context: the loader goes on while the last requests come in.
	loading, stopLoading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoading()
	loaded := make(chan error, 1)
	go func() { loaded <- p.loader.Run(loading) }()
	keptUp := p.keepUp(loading)

	mending, stopMending := context.WithCancel(ctx)
	defer stopMending()
	mended := make(chan struct{})
	go func() { defer close(mended); p.mendJournal(mending) }()
	stopCohorts := p.runCohorts(loading)
	defer stopCohorts()

	server := &http.Server{
		Handler:           working(p.handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(p.rules.Close)
	served := make(chan error, 1)
	if p.listener != nil {
		p.log.Info("the platform listens", "url", p.baseURL(), "data", p.dir)
		visitors := newCrowd(p.listener, connectionLimit())
		server.ConnContext = visitors.connContext
		go func() { served <- server.Serve(visitors) }()
	}

	var errs []error
	loaderEnded := false
	select {
	case <-ctx.Done():
	case err := <-served:
		errs = append(errs, fmt.Errorf("serve: %w", err))
	case err := <-loaded:
		loaderEnded = true
		errs = append(errs, fmt.Errorf("load: %w", err))
	}
	stopMending()
	<-mended
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		p.log.Warn("some requests did not end in time", "error", err)
		errs = append(errs, server.Close())
	}
	stopLoading()
	if !loaderEnded {
		if err := <-loaded; err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, fmt.Errorf("load: %w", err))
		}
	}
	stopCohorts()
	keptUp()
	return errors.Join(append(errs, p.Close())...)
}

// How long after a failure the journal is opened again, and how long it may get.
const (
	minMend = 500 * time.Millisecond
	maxMend = 15 * time.Second
)

// mendJournal opens the journal again whenever the disk failed under it, a full
// one for instance, until ctx ends. Meanwhile nothing is accepted, and the
// platform is not ready.
func (p *Platform) mendJournal(ctx context.Context) {
	wait := minMend
	var lastFailure time.Time
	for {
		select {
		case <-p.journal.Failed():
		case <-time.After(maxMend):
			continue // an erasure may have opened it anew, which has another channel
		case <-ctx.Done():
			return
		}
		if time.Since(lastFailure) > 2*maxMend {
			wait = minMend
		}
		lastFailure = time.Now()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, maxMend)
		if err := p.journal.Reopen(); err != nil {
			p.log.Error("the journal cannot be opened and will be tried again", "error", err, "in", wait)
			continue
		}
		p.log.Info("the journal was opened again")
	}
}
