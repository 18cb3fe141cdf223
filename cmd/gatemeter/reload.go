package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatemeter/gatemeter/gateway"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// watchEvery is how often --watch looks at the file, and the folders of flexible
// configuration. It reads them, since what a mounted folder tells is not to be
// relied on.
const watchEvery = time.Second

// changes gives a word for every SIGHUP and, when watched, for every change of the
// configuration, until ctx ends. Those that come while one waits are one.
func changes(ctx context.Context, file string, watch bool) <-chan struct{} {
	words := make(chan struct{}, 1)
	say := func() {
		select {
		case words <- struct{}{}:
		default:
		}
	}
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	seen := ""
	if watch {
		seen = config.Fingerprint(file, os.LookupEnv)
	}
	go func() {
		defer signal.Stop(hangUp)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangUp:
				say()
			case <-tick.C:
				if !watch {
					continue
				}
				if is := config.Fingerprint(file, os.LookupEnv); is != seen {
					seen = is
					say()
				}
			}
		}
	}()
	return words
}

// follow calls act for every word, until ctx ends.
func follow(ctx context.Context, words <-chan struct{}, act func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-words:
			act()
		}
	}
}

// reload lets g go on with what is read now, or as it is when that is wrong.
func reload(g *gateway.Gateway, read func() (*config.Service, gateway.Options, error), logger *slog.Logger) {
	service, options, err := read()
	if err == nil {
		err = g.Reload(service, options)
	}
	if err != nil {
		logger.Error("the new configuration is refused, the old one stays", "error", err)
	}
}
