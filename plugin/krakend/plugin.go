// Command krakend is the integration as an http-server plugin for KrakenD CE 2.x:
// a shared object that KrakenD loads at its start and puts around its router
// (KrakenD v3, 2.1 and 2.5). README.md tells how it is built and configured.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/gatemeter/gatemeter/moesif"
)

// name is the plugin's name: in the host's list of plugins, and the key of its
// configuration.
const name = "gatemeter"

// version is set by the linker.
var version = "dev"

// HandlerRegisterer is the symbol that KrakenD looks up.
var HandlerRegisterer registerer

type registerer struct {
	logger *slog.Logger // nil until RegisterLogger
}

// What KrakenD asserts of the symbol; nothing of it is imported.
var (
	_ interface {
		RegisterHandlers(func(string, func(context.Context, map[string]any, http.Handler) (http.Handler, error)))
	} = (*registerer)(nil)
	_ interface{ RegisterLogger(any) } = (*registerer)(nil)
)

// RegisterLogger takes the host's logger; one without its methods is not used.
func (p *registerer) RegisterLogger(logger any) {
	if l, ok := logger.(hostLogger); ok {
		p.logger = slog.New(newLogHandler(l))
	}
}

// RegisterHandlers tells the host the plugin's name and what makes its handler.
func (p *registerer) RegisterHandlers(register func(string, func(context.Context, map[string]any, http.Handler) (http.Handler, error))) {
	register(name, func(ctx context.Context, extra map[string]any, next http.Handler) (http.Handler, error) {
		return p.start(ctx, extra, next)
	})
}

// start makes the handler around next, which works until ctx ends, and drains
// then. The host goes on without the plugin when there is an error: it names
// everything that is wrong, and the log says what that means.
func (p *registerer) start(ctx context.Context, extra map[string]any, next http.Handler) (http.Handler, error) {
	logger := p.logger
	if logger == nil {
		logger = slog.Default()
	}
	cfg, trusted, problems := settings(extra, os.LookupEnv)
	var integration *moesif.Integration
	if len(problems) == 0 {
		var err error
		integration, err = moesif.New(cfg, moesif.Options{Logger: logger, TrustedProxies: trusted, Version: version})
		if err != nil {
			problems = append(problems, here(err))
		}
	}
	if len(problems) > 0 {
		for _, problem := range problems {
			logger.Error(problem.Error())
		}
		logger.Error("not started: requests are neither reported nor governed")
		return nil, fmt.Errorf("%s: not started: %w", name, errors.Join(problems...))
	}
	logger.Info("started", "version", version, "collector", cfg.CollectorURL)
	return newMeter(ctx, integration, cfg.DrainTimeout, next, logger), nil
}

func main() {} // a plugin has one, and it is never called
