package cohorts

import (
	"context"
	"database/sql"
	"time"
)

// MaxPage bounds what lists return at once.
const MaxPage = 1000

// MemberIDs returns the ids of all members of a cohort, in order, and the
// revision that they are of or a later one's.
func (s *Store) MemberIDs(ctx context.Context, c Cohort) ([]string, error) {
	ids := make([]string, 0, c.Members)
	err := s.query(ctx, "member_ids", []any{c.number}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// After is a place in a list of members: behind who entered then and has this
// id. The zero value is the beginning.
type After struct {
	EnteredAt time.Time
	ID        string
}

// Members returns members of a cohort, who entered last first; limit is MaxPage
// at most.
func (s *Store) Members(ctx context.Context, c Cohort, after After, limit int) ([]Member, error) {
	var list []Member
	err := s.query(ctx, "members_latest", []any{c.number, min(limit, MaxPage), after.EnteredAt.UnixMicro(), after.ID}, func(rows *sql.Rows) error {
		var m Member
		var at int64
		err := rows.Scan(&m.ID, &at)
		m.EnteredAt = micros(at)
		list = append(list, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, s.label(ctx, c.App, c.Kind, list)
}

// label adds to members what lists show of them.
func (s *Store) label(ctx context.Context, app, kind string, members []Member) error {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	labels, err := s.Customers.Labels(ctx, app, kind, ids)
	for i := range members {
		members[i].Label = labels[members[i].ID]
	}
	return err
}

// Of returns the cohorts that a user or company is in, the latest entered first.
func (s *Store) Of(ctx context.Context, app, kind, id string) (list []Membership, err error) {
	err = s.query(ctx, "memberships", []any{app, kind, id}, func(rows *sql.Rows) error {
		var m Membership
		var at int64
		err := rows.Scan(&m.Cohort, &m.Name, &at)
		m.EnteredAt = micros(at)
		list = append(list, m)
		return err
	})
	return list, err
}

// Sizes returns by cohort id how its size changed since a time, oldest first; it
// begins with the size at that time. An id of "" stands for all cohorts.
func (s *Store) Sizes(ctx context.Context, app, id string, since time.Time) (map[string][]Size, error) {
	found := map[string][]Size{}
	err := s.query(ctx, "sizes", []any{app, id, since.UnixMicro()}, func(rows *sql.Rows) error {
		var of string
		var at int64
		var size Size
		err := rows.Scan(&of, &at, &size.Members)
		size.At = micros(at)
		found[of] = append(found[of], size)
		return err
	})
	return found, err
}

// Which selects changes; zero fields select all. Kind and Customer go together.
type Which struct {
	Cohort, Kind, Customer string
}

// Changes returns who entered and left, the latest first; before is the number
// of the last change of the page before, 0 for the first page.
func (s *Store) Changes(ctx context.Context, app string, w Which, before int64, limit int) ([]Change, error) {
	return s.changes(ctx, "changes_before", []any{app, w.Cohort, w.Kind, w.Customer, before, min(limit, MaxPage)})
}

// ChangesAfter returns who entered and left after the change with this number, in
// the order in which it was found: who follows cohorts keeps the last number it
// has acted on, and asks again when Listen tells.
func (s *Store) ChangesAfter(ctx context.Context, app string, after int64, limit int) ([]Change, error) {
	return s.changes(ctx, "changes_after", []any{app, after, min(limit, MaxPage)})
}

// LastChange returns the number of the latest change, 0 before the first: where
// somebody begins who does not care for what was before.
func (s *Store) LastChange(ctx context.Context, app string) (n int64, err error) {
	err = s.query(ctx, "last_change", []any{app}, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

func (s *Store) changes(ctx context.Context, name string, args []any) (list []Change, err error) {
	err = s.query(ctx, name, args, func(rows *sql.Rows) error {
		var h Change
		var at int64
		err := rows.Scan(&h.Number, &h.Cohort, &h.Name, &h.Kind, &h.Customer, &h.Entered, &h.Edited, &at)
		h.At = micros(at)
		list = append(list, h)
		return err
	})
	return list, err
}
