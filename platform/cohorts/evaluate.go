package cohorts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
)

const (
	// maxPreviews bounds how many previews are computed at a time; more wait.
	maxPreviews = 2
	// maxPreviewed is how many members a preview lists.
	maxPreviewed = 100
	sizeStep     = time.Hour
)

// errEdited says that a cohort was edited or deleted while its members were found.
var errEdited = errors.New("the cohort was edited meanwhile")

// find returns the ids of who satisfies the criteria now, in order.
func (s *Store) find(ctx context.Context, app, kind string, c Criteria) ([]string, error) {
	e := newEvaluation(c, s.now())
	of := map[string][]events.Behaved{}
	if len(e.selections) > 0 {
		err := s.Events.Behave(ctx, app, kind, e.selections, func(id string, list []events.Behaved) error {
			of[id] = slices.Clone(list)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var ids []string
	active := e.onlyActive()
	if active && e.counted() {
		for id, list := range of {
			if e.holds(&subject{known: customers.Known{ID: id}, of: list}) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids, nil
	}
	n := c.needs()
	var subscriptions map[string][]customers.SubscriptionFacts
	if n.subscriptions {
		var err error
		if subscriptions, err = s.Customers.SubscriptionFacts(ctx, app); err != nil {
			return nil, err
		}
	}
	err := s.Customers.Each(ctx, app, kind, n.profiles, func(k customers.Known) error {
		list, called := of[k.ID]
		if active && !called {
			return nil
		}
		if e.holds(&subject{known: k, of: list, subscriptions: subscriptions[k.ID]}) {
			ids = append(ids, k.ID)
		}
		return nil
	})
	return ids, err
}

// Preview returns who would be in a cohort: how many, and the first hundred by
// id. An *InvalidError says what is wrong with the draft; its name is not looked at.
func (s *Store) Preview(ctx context.Context, app string, d Draft) (int, []Member, error) {
	d.Name = "preview"
	d, err := checked(d)
	if err != nil {
		return 0, nil, err
	}
	if err := s.previews.Acquire(ctx, 1); err != nil {
		return 0, nil, err
	}
	defer s.previews.Release(1)
	ids, err := s.find(ctx, app, d.Kind, d.Criteria)
	if err != nil {
		return 0, nil, fmt.Errorf("cohorts: %w", err)
	}
	first := ids[:min(len(ids), maxPreviewed)]
	members := make([]Member, len(first))
	for i, id := range first {
		members[i].ID = id
	}
	return len(ids), members, s.label(ctx, app, d.Kind, members)
}

// evaluate finds the members of a cohort, stores who entered and who left, and
// tells who listens. errEdited: it was edited or deleted meanwhile.
func (s *Store) evaluate(ctx context.Context, app, id string) error {
	s.evaluating.Lock()
	defer s.evaluating.Unlock()
	c, err := s.Cohort(ctx, app, id)
	if err != nil {
		return err
	}
	done := s.begin(id)
	changed, err := s.refresh(ctx, c)
	done(err)
	if err != nil {
		return fmt.Errorf("cohort %s: %w", id, err)
	}
	if changed {
		s.tell(app, id)
	}
	return nil
}

// refresh reports whether what is known of the members is something else now.
func (s *Store) refresh(ctx context.Context, c Cohort) (changed bool, err error) {
	found, err := s.find(ctx, c.App, c.Kind, c.Criteria)
	if err != nil {
		return false, err
	}
	before := make([]string, 0, c.Members)
	err = s.query(ctx, "member_ids", []any{c.number}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		before = append(before, id)
		return err
	})
	if err != nil {
		return false, err
	}
	entered, left := differences(before, found)
	edited := c.evaluated != c.version
	if !edited && len(entered)+len(left) == 0 {
		return false, nil // most often: nothing is written
	}
	return true, s.State.Write(ctx, func(tx *sql.Tx) error {
		var version int64
		err := tx.QueryRowContext(ctx, queries.Get("version"), c.number).Scan(&version)
		if errors.Is(err, sql.ErrNoRows) || err == nil && version != c.version {
			return errEdited
		}
		if err != nil {
			return err
		}
		now := s.now()
		if err := write(ctx, tx, c, entered, left, edited, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queries.Get("evaluated"), c.number, len(found)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("size"), c.number, now.Truncate(sizeStep).UnixMicro(), len(found))
		return err
	})
}

// write stores who entered and who left.
func write(ctx context.Context, tx *sql.Tx, c Cohort, entered, left []string, edited bool, now time.Time) error {
	for i, ids := range [][]string{left, entered} {
		if len(ids) == 0 {
			continue
		}
		list, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		name, args := "leave", []any{c.number, string(list)}
		if i == 1 {
			name, args = "enter", []any{c.number, now.UnixMicro(), string(list)}
		}
		if _, err := tx.ExecContext(ctx, queries.Get(name), args...); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queries.Get("tell"), c.App, c.number, i, edited, now.UnixMicro(), string(list)); err != nil {
			return err
		}
	}
	return nil
}

// differences returns what is only in the one and only in the other of two
// ordered lists.
func differences(before, after []string) (added, removed []string) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(before) == 0 || len(after) > 0 && after[0] < before[0]:
			added, after = append(added, after[0]), after[1:]
		case len(after) == 0 || before[0] < after[0]:
			removed, before = append(removed, before[0]), before[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
	return added, removed
}
