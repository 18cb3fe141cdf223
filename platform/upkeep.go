package platform

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/api"
	"github.com/gatemeter/gatemeter/platform/backup"
	"github.com/gatemeter/gatemeter/platform/collect"
	"github.com/gatemeter/gatemeter/platform/erase"
	"github.com/gatemeter/gatemeter/platform/retention"
	"github.com/gatemeter/gatemeter/platform/sources"
)

// openUpkeep makes the parts that keep the data in order.
func (p *Platform) openUpkeep(o Options) (err error) {
	left, err := filepath.Glob(filepath.Join(p.dir, api.ScratchPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	p.backups, err = backup.New(backup.Source{
		Dir: p.dir, State: p.state, Events: p.events, Journal: p.journal, Loader: p.loader, Clock: o.Clock, Version: o.Version,
	})
	p.retention = retention.New(p.state, p.events, o.Clock, o.Logger)
	p.sources = sources.New(p.state, collect.Remember, o.Clock, o.Logger)
	p.erasures = erase.New(erase.Options{
		State: p.state, Events: p.events, Journal: p.journal, Loader: p.loader, Apps: p.gate.Application,
		Rooms: p.rooms(), Clock: o.Clock, Logger: o.Logger,
	})
	return err
}

// rooms are those that know customers by their ids, besides the event store.
func (p *Platform) rooms() []erase.Room {
	return []erase.Room{
		func(ctx context.Context, app access.Application, kind, id string) (map[string]int64, error) {
			return p.rules.Forget(ctx, app, kind == erase.Company, id)
		},
		func(ctx context.Context, app access.Application, kind, id string) (map[string]int64, error) {
			return p.customers.Forget(ctx, app.ID, kind, id)
		},
		func(ctx context.Context, app access.Application, kind, id string) (map[string]int64, error) {
			return p.cohorts.Forget(ctx, app.ID, kind, id)
		},
	}
}

// keepUp runs what keeps the data in order, until ctx ends.
func (p *Platform) keepUp(ctx context.Context) (done func()) {
	var all sync.WaitGroup
	all.Go(func() { p.retention.Run(ctx) })
	all.Go(func() { p.gate.KeepAudit(ctx) })
	all.Go(func() { p.erasures.Run(ctx) })
	all.Go(func() { p.sources.Run(ctx) })
	all.Go(func() { p.customers.Run(ctx, p.log) })
	return all.Wait
}

// BackupStopped writes the files of a data directory that nobody uses as an archive (see
// package backup). It wraps ErrInUse when a platform runs on it: ask that one.
func BackupStopped(ctx context.Context, dir, version string, at time.Time, w io.Writer) (err error) {
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return backup.Pack(ctx, dir, version, at, w)
}
