// Package sources counts who sends what, minute by minute: how much of it came
// twice, was refused, or came late. It watches what goes into the journal.
package sources

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/platform/journal"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

const (
	// kept is for how long minutes are kept.
	kept       = 8 * 24 * time.Hour
	flushEvery = 10 * time.Second
	// maxSources bounds how many sources an application has in a minute; more are Others.
	maxSources = 50
	// apart is how far a sender's time may be from ours (Moesif wire, 1.3).
	apart = 5 * time.Minute
)

// Journal takes what is accepted.
type Journal interface {
	Append(ctx context.Context, b journal.Batch) (journal.Receipt, error)
	Ready() error
}

// Sources is safe for concurrent use.
type Sources struct {
	db       *state.DB
	remember time.Duration
	clock    func() time.Time
	log      *slog.Logger

	flushing sync.Mutex
	mu       sync.Mutex
	counts   map[minute]map[string]*Counts // by source; guarded by mu
}

type minute struct {
	app string
	at  int64 // minutes since 1970
}

// New returns sources that keep their minutes in db. remember is for how long
// after it happened the collector has an item's id remembered, which is how the
// time of an entry is known here.
func New(db *state.DB, remember time.Duration, clock func() time.Time, logger *slog.Logger) *Sources {
	return &Sources{db: db, remember: remember, clock: clock, log: logger, counts: map[minute]map[string]*Counts{}}
}

// Watch returns a journal that counts what is appended to j.
func (s *Sources) Watch(j Journal) Journal { return watched{j, s} }

type watched struct {
	Journal
	s *Sources
}

func (w watched) Append(ctx context.Context, b journal.Batch) (journal.Receipt, error) {
	receipt, err := w.Journal.Append(ctx, b)
	if err == nil {
		w.s.count(of(ctx), b, receipt)
	}
	return receipt, err
}

func (s *Sources) count(source string, b journal.Batch, receipt journal.Receipt) {
	c := Counts{Batches: 1, Received: int64(len(b.Entries)), Duplicate: int64(receipt.Duplicates)}
	for _, n := range b.Rejected {
		c.Rejected += int64(n)
	}
	c.Received += c.Rejected
	for i := range b.Entries {
		delay := b.ReceivedAt.Sub(b.Entries[i].Until.Add(-s.remember))
		switch {
		case delay > apart:
			c.Late++
		case delay < -apart:
			c.Ahead++
		}
		c.Delays.add(delay)
	}
	at := minute{b.App, b.ReceivedAt.Unix() / 60}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(at, source, c)
}

// add needs mu.
func (s *Sources) add(at minute, source string, c Counts) {
	m := s.counts[at]
	if m == nil {
		m = map[string]*Counts{}
		s.counts[at] = m
	}
	if m[source] == nil && len(m) >= maxSources {
		source = Others
	}
	if m[source] == nil {
		m[source] = &Counts{}
	}
	*m[source] = m[source].Plus(c)
}

// Run keeps what was counted until ctx ends. What a crash takes is at most ten
// seconds of this view, and nothing of the events.
func (s *Sources) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err := s.Flush(context.WithoutCancel(ctx)); err != nil {
				s.log.Warn("what came from whom could not be kept", "error", err)
			}
			return
		}
		if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("what came from whom could not be kept and will be tried again", "error", err)
		}
	}
}

// Flush writes what was counted into the state.
func (s *Sources) Flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	taken := s.counts
	s.counts = map[minute]map[string]*Counts{}
	s.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for at, m := range taken {
			for source, c := range m {
				if err := save(ctx, tx, at, source, *c); err != nil {
					return err
				}
			}
		}
		_, err := tx.ExecContext(ctx, queries.Get("forget"), s.clock().Add(-kept).Unix()/60)
		return err
	})
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, m := range taken {
		for source, c := range m {
			s.add(at, source, *c)
		}
	}
	return fmt.Errorf("sources: %w", err)
}

func save(ctx context.Context, tx *sql.Tx, at minute, source string, c Counts) error {
	var before string
	err := tx.QueryRowContext(ctx, queries.Get("delays"), at.app, at.at, source).Scan(&before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	c.Delays.addText(before)
	_, err = tx.ExecContext(ctx, queries.Get("add"), at.app, at.at, source, c.Batches, c.Received, c.Duplicate, c.Rejected, c.Late, c.Ahead, c.Delays.text())
	return err
}

// Minute is what came from one source within a minute.
type Minute struct {
	At     time.Time
	Source string
	Counts
}

// Minutes returns what came in within a range, in the order of time.
func (s *Sources) Minutes(ctx context.Context, app string, from, to time.Time) (list []Minute, err error) {
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	rows, err := s.db.Reader().QueryContext(ctx, queries.Get("range"), app, from.Unix()/60, (to.Unix()+59)/60)
	if err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var m Minute
		var at int64
		var delays string
		if err := rows.Scan(&at, &m.Source, &m.Batches, &m.Received, &m.Duplicate, &m.Rejected, &m.Late, &m.Ahead, &delays); err != nil {
			return nil, fmt.Errorf("sources: %w", err)
		}
		m.At = time.Unix(60*at, 0).UTC()
		m.Delays.addText(delays)
		list = append(list, m)
	}
	return list, rows.Err()
}
