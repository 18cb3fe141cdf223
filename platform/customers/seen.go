package customers

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// flushEvery is how often it is written until when somebody was seen.
	flushEvery = 15 * time.Second
	// maxSightings bounds how many customers' rows are known in memory; about 200
	// bytes each.
	maxSightings = 50_000
)

// What a Seen is about.
const (
	KindUser    = "user"
	KindCompany = "company"
)

// Seen says that a user or company made calls.
type Seen struct {
	Kind        string // KindUser or KindCompany
	ID          string
	First, Last time.Time
	Company     string // of a user: the company of the last call that named one; or ""
}

// sightings are what the rows of those say who were seen of late, so that what
// changes with every call, until when, is gathered, and the rest written at once.
type sightings struct {
	// mu is held for as long as rows are written, so that rows and known agree.
	mu    sync.Mutex
	known map[who]*sighting // guarded by mu
	later map[who]*sighting // those of known whose last is not written yet; guarded by mu
}

type who struct{ app, kind, id string }

func (w who) compare(o who) int {
	return cmp.Or(strings.Compare(w.kind, o.kind), strings.Compare(w.app, o.app), strings.Compare(w.id, o.id))
}

// sighting is a row. Times are microseconds since 1970.
type sighting struct {
	first, last int64
	company     string // of a user
}

func newSightings() sightings {
	return sightings{known: map[who]*sighting{}, later: map[who]*sighting{}}
}

func sightingOf(v Seen) sighting {
	return sighting{v.First.UnixMicro(), v.Last.UnixMicro(), v.Company}
}

// gather takes what is said into memory, if that is all that has to be done.
// Otherwise it returns what has to be written.
func (m *sightings) gather(w who, said sighting) (write sighting, needed bool) {
	row := m.known[w]
	if row == nil {
		return said, true
	}
	if said.last < row.last { // which may be later than what is written
		said.last, said.company = row.last, ""
	}
	moved := w.kind == KindUser && said.company != "" && said.company != row.company
	if moved || said.first < row.first {
		return said, true
	}
	if said.last > row.last {
		row.last = said.last
		m.later[w] = row
	}
	return sighting{}, false
}

// drop forgets rows, whatever is not written of them included.
func (m *sightings) drop(of ...who) {
	for _, w := range of {
		delete(m.known, w)
		delete(m.later, w)
	}
}

func (m *sightings) dropAll() {
	clear(m.known)
	clear(m.later)
}

// written takes a row as it is now.
func (m *sightings) written(w who, row sighting) {
	delete(m.later, w)
	if m.known[w] == nil {
		if len(m.known) >= maxSightings {
			m.evict()
		}
		w.id = strings.Clone(w.id) // it is part of all that its event says
	}
	m.known[w] = &row
}

// evict forgets some rows that are written.
func (m *sightings) evict() {
	n := 0
	for w := range m.known {
		if m.later[w] != nil {
			continue
		}
		delete(m.known, w)
		if n++; n >= maxSightings/10 {
			return
		}
	}
}

// Seen remembers who made calls. Telling it the same again changes nothing: it
// keeps the earliest First, the latest Last, and the Company of the latest. A later
// Last of somebody who is known is written by the next Flush; reads flush first.
func (s *Store) Seen(ctx context.Context, app string, seen []Seen) error {
	m := &s.sightings
	m.mu.Lock()
	defer m.mu.Unlock()
	type change struct {
		who
		sighting
	}
	var changes []change
	rows := map[who]sighting{} // as they are after the changes
	for _, v := range seen {
		w := who{app, v.Kind, v.ID}
		_, again := rows[w]
		said, needed := sightingOf(v), true
		if !again {
			said, needed = m.gather(w, said)
		}
		if needed {
			changes, rows[w] = append(changes, change{w, said}), said
		}
	}
	if len(m.later) > maxSightings/2 {
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	if len(changes) == 0 {
		return nil
	}
	err := s.seeing(ctx, "see_user", "see_company", func(user, company *sql.Stmt) error {
		for _, c := range changes {
			var row sighting
			var err error
			if c.kind == KindUser {
				err = user.QueryRowContext(ctx, c.app, c.id, c.company, c.first, c.last).Scan(&row.company, &row.first, &row.last)
			} else {
				err = company.QueryRowContext(ctx, c.app, c.id, c.first, c.last).Scan(&row.first, &row.last)
			}
			if err != nil {
				return err
			}
			rows[c.who] = row
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("customers: seen: %w", err)
	}
	for w, row := range rows {
		m.written(w, row)
	}
	return nil
}

// SeenAgain is told what Seen was told before a restart, and brings forward the Last
// of those who are there still: a crash may have taken what was not flushed.
func (s *Store) SeenAgain(ctx context.Context, app string, seen []Seen) error {
	s.sightings.mu.Lock()
	defer s.sightings.mu.Unlock()
	if err := s.flush(ctx); err != nil {
		return err
	}
	later := make(map[who]*sighting, len(seen))
	for _, v := range seen {
		said := sightingOf(v)
		w := who{app, v.Kind, v.ID}
		if later[w] == nil || later[w].last < said.last {
			later[w] = &said
		}
		s.sightings.drop(w) // what is written below may be later
	}
	if err := s.writeLater(ctx, later); err != nil {
		return fmt.Errorf("customers: seen again: %w", err)
	}
	return nil
}

// Flush writes until when everybody was seen of whom Seen was told.
func (s *Store) Flush(ctx context.Context) error {
	s.sightings.mu.Lock()
	defer s.sightings.mu.Unlock()
	return s.flush(ctx)
}

// flush needs the sightings' mu.
func (s *Store) flush(ctx context.Context) error {
	if len(s.sightings.later) == 0 {
		return nil
	}
	if err := s.writeLater(ctx, s.sightings.later); err != nil {
		return fmt.Errorf("customers: write until when who was seen: %w", err)
	}
	clear(s.sightings.later)
	return nil
}

// fresh flushes before something is read. Where that fails what is read is some
// seconds old, and Run says so.
func (s *Store) fresh() {
	// Not with the reader's context: what goes along with it (state.Along) belongs to
	// another change.
	_ = s.Flush(context.Background())
}

// writeLater needs the sightings' mu.
func (s *Store) writeLater(ctx context.Context, later map[who]*sighting) error {
	return s.seeing(ctx, "user_seen_later", "company_seen_later", func(user, company *sql.Stmt) error {
		// In the order of the rows: neighbours are on one page of the file.
		for _, w := range slices.SortedFunc(maps.Keys(later), who.compare) {
			statement := company
			if w.kind == KindUser {
				statement = user
			}
			if _, err := statement.ExecContext(ctx, later[w].last, w.app, w.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// seeing runs write in a transaction. Each load sees thousands: to parse the
// statements costs more than to run them.
func (s *Store) seeing(ctx context.Context, user, company string, write func(user, company *sql.Stmt) error) error {
	return s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		users, err := tx.PrepareContext(ctx, queries.Get(user))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, users.Close()) }()
		companies, err := tx.PrepareContext(ctx, queries.Get(company))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, companies.Close()) }()
		return write(users, companies)
	})
}

// change runs a transaction that changes rows otherwise. Of whom is nil for all.
func (s *Store) change(ctx context.Context, of []who, write func(tx *sql.Tx) error) error {
	s.sightings.mu.Lock()
	defer s.sightings.mu.Unlock()
	// What was seen before is written before, in a transaction of its own: see fresh.
	if err := s.flush(context.Background()); err != nil {
		return err
	}
	if of == nil {
		defer s.sightings.dropAll()
	}
	defer s.sightings.drop(of...)
	return s.db.Write(ctx, write)
}

// Run flushes every few seconds until ctx ends.
func (s *Store) Run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
			log.Warn("until when customers were seen could not be written and will be tried again", "error", err)
		}
	}
}
