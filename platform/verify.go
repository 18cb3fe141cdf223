package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/load"
	"github.com/gatemeter/gatemeter/platform/state"
)

// Verified is what is in a data directory.
type Verified struct {
	Journal  journal.Checked
	Store    events.Checked
	Position uint64         // of the store: the last block of the journal that is in it
	Books    []load.Balance // by application
	Faults   []string       // what is wrong, in the order of the parts
}

// Verify reads everything in a data directory that no platform uses, changes
// nothing of it, and tells what does not fit together. An error says that the
// directory could not be looked at; what is wrong inside it is in Faults.
func Verify(ctx context.Context, dir string, log *slog.Logger) (v Verified, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return v, errors.Join(fmt.Errorf("data directory %s: there is none (the directory comes from --data)", dir), err)
	}
	p := &Platform{dir: dir, log: log}
	if err := p.lock(); err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	faults, err := state.Verify(ctx, filepath.Join(dir, "state.db"))
	v.add("state.db", faults, err)
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Logger: log, ReadOnly: true})
	if v.add("journal", nil, err); err == nil {
		p.closers = append(p.closers, j.Close)
		v.Journal, err = j.Verify(ctx)
		v.add("journal", v.Journal.Faults, err)
	}
	s, openStore := events.Open(filepath.Join(dir, "events.duckdb"), events.Options{Logger: log, ReadOnly: true})
	if v.add("events.duckdb", nil, openStore); openStore == nil {
		p.closers = append(p.closers, s.Close)
		v.Store, err = s.Verify(ctx)
		v.add("events.duckdb", v.Store.Faults, err)
	}
	if j != nil && s != nil {
		v.balance(ctx, j, s)
	}
	return v, ctx.Err()
}

func (v *Verified) add(part string, faults []string, err error) {
	for _, f := range faults {
		v.Faults = append(v.Faults, part+": "+f)
	}
	if err != nil {
		v.Faults = append(v.Faults, fmt.Sprintf("%s: %v", part, err))
	}
}

// balance compares the journal with the store.
func (v *Verified) balance(ctx context.Context, j *journal.Journal, s *events.Store) {
	var err error
	if v.Position, err = s.Position(ctx); err != nil {
		v.add("events.duckdb", nil, err)
		return
	}
	if v.Position > j.Last() {
		v.add("journal", []string{fmt.Sprintf(
			"it ends with block %d, the store has block %d: it was lost or is older than the store, and does not know which events came already", j.Last(), v.Position)}, nil)
	}
	if v.Books, err = load.Books(ctx, j, s); err != nil {
		v.add("balance", nil, err)
		return
	}
	for _, b := range v.Books {
		if sum := b.Sum(); sum != b.Received {
			v.add("balance", []string{fmt.Sprintf("application %s received %d items, of which %d are accounted for", b.App, b.Received, sum)}, nil)
		}
	}
}

// Write writes the figures, and what is wrong, for people.
func (v *Verified) Write(w io.Writer) error {
	out := func(format string, args ...any) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	}
	errs := []error{
		out("journal: %d blocks with %d items, up to block %d; %d ids are remembered", v.Journal.Blocks, v.Journal.Entries, v.Journal.Last, v.Journal.IDs),
		out("store: %d events, %d bodies, %d actions, up to block %d", v.Store.Events, v.Store.Bodies, v.Store.Actions, v.Position),
	}
	for _, b := range v.Books {
		errs = append(errs, out("application %s: received %d = stored %d + duplicate %d + rejected %d + dropped %d + in flight %d",
			b.App, b.Received, b.Stored, b.Duplicate, total(b.Rejected), total(b.Dropped), b.InFlight))
	}
	for _, f := range v.Faults {
		errs = append(errs, out("wrong: %s", f))
	}
	if len(v.Faults) == 0 {
		errs = append(errs, out("everything fits together"))
	}
	return errors.Join(errs...)
}

func total(counts map[string]int64) (sum int64) {
	for n := range maps.Values(counts) {
		sum += n
	}
	return sum
}
