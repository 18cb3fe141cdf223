package rules

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

// ErrNoVersion says that a rule has no such version.
var ErrNoVersion = errors.New("no such version")

// Version is what a rule was after one change.
type Version struct {
	Number  int64
	RuleID  string // "" where the order of all rules was changed
	Name    string // the rule's, then
	At      time.Time
	Who     string // "" when it is not known
	How     How
	State   State
	Exists  bool // the rule is there now
	Changes []Change
}

// Change is what became of one field: JSON, nil where there was nothing. Of
// customers it is who was added and removed.
type Change struct {
	Field         string
	Before, After json.RawMessage
}

// maxHistory is how many versions are returned at a time.
const maxHistory = 100

// kept is a version as it is stored.
type kept struct {
	Version
	place           int64
	document        []byte
	customers       string // hash
	stateBefore     State
	documentBefore  []byte // empty: there is none before
	customersBefore string
	cohort          string
	cohortBefore    string
}

// History returns the versions of a rule, or with an id of "" of all rules and
// of their order, the newest first; those older than the one with the number
// before, if that is not 0. Deleted rules have theirs still. next is the number
// to go on before, 0 at the end.
func (r *Rules) History(ctx context.Context, app, id string, before int64) (list []Version, next int64, err error) {
	err = r.snapshot(ctx, func(tx *sql.Tx) error {
		found, err := readVersions(ctx, tx, app, id, before, maxHistory+1)
		if err != nil {
			return err
		}
		if len(found) > maxHistory {
			found = found[:maxHistory]
			next = found[maxHistory-1].Number
		}
		if id != "" && before == 0 && len(found) == 0 {
			if _, err := readRule(ctx, tx, app, id); err != nil {
				return err
			}
		}
		list = make([]Version, len(found))
		for i := range found {
			if err := found[i].compare(ctx, tx, app); err != nil {
				return fmt.Errorf("version %d: %w", found[i].Number, err)
			}
			list[i] = found[i].Version
		}
		return nil
	})
	return list, next, err
}

func readVersions(ctx context.Context, tx *sql.Tx, app, id string, before int64, limit int) (list []kept, err error) {
	rows, err := tx.QueryContext(ctx, queries.Get("versions"), app, id, before, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v kept
		var at int64
		err := rows.Scan(&v.Number, &v.RuleID, &at, &v.Who, &v.How, &v.State, &v.place, &v.document, &v.customers,
			&v.cohort,
			&v.stateBefore, &v.documentBefore, &v.customersBefore, &v.cohortBefore, &v.Exists)
		if err != nil {
			return nil, err
		}
		v.At = time.UnixMicro(at).UTC()
		list = append(list, v)
	}
	return list, rows.Err()
}

// rule returns the rule as it was, without its customers.
func (v *kept) rule() (u Rule, err error) {
	u.State, u.Cohort, u.Customers = v.State, v.cohort, []Customer{}
	return u, json.Unmarshal(v.document, &u.Wire)
}

// compare says what the version changed.
func (v *kept) compare(ctx context.Context, tx *sql.Tx, app string) error {
	if v.How == Ordered {
		var o reordering
		if err := json.Unmarshal(v.document, &o); err != nil {
			return err
		}
		c, err := changeOf("order", o.Before, o.After)
		v.Changes = []Change{c}
		return err
	}
	u, err := v.rule()
	if err != nil {
		return err
	}
	v.Name = u.Wire.Name
	if len(v.documentBefore) == 0 || v.How == Deleted {
		return nil
	}
	before := Rule{State: v.stateBefore, Cohort: v.cohortBefore}
	if err := json.Unmarshal(v.documentBefore, &before.Wire); err != nil {
		return err
	}
	if v.customers != v.customersBefore {
		if before.Customers, err = keptCustomers(ctx, tx, app, v.customersBefore); err != nil {
			return err
		}
		if u.Customers, err = keptCustomers(ctx, tx, app, v.customers); err != nil {
			return err
		}
	}
	v.Changes, err = Difference(before, u)
	return err
}

// Difference says which fields of a rule are others in after than in before.
func Difference(before, after Rule) ([]Change, error) {
	b, a := before.Wire, after.Wire
	var changes []Change
	for _, f := range []struct {
		name          string
		before, after any
	}{
		{"state", before.State, after.State},
		{"name", b.Name, a.Name},
		{"type", b.Type, a.Type},
		{"cohort", before.Cohort, after.Cohort},
		{"applied_to", b.AppliedTo, a.AppliedTo},
		{"applied_to_unidentified", b.AppliedToUnidentified, a.AppliedToUnidentified},
		{"regex_config", b.RegexConfig, a.RegexConfig},
		{"block", b.Block, a.Block},
		{"response.status", b.Response.Status, a.Response.Status},
		{"response.headers", b.Response.Headers, a.Response.Headers},
		{"response.body", b.Response.Body, a.Response.Body},
		{"variables", b.Variables, a.Variables},
	} {
		c, err := changeOf(f.name, f.before, f.after)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(c.Before, c.After) {
			changes = append(changes, c)
		}
	}
	c, changed, err := customersChange(before.Customers, after.Customers)
	if changed {
		changes = append(changes, c)
	}
	return changes, err
}

func changeOf(field string, before, after any) (c Change, err error) {
	c.Field = field
	if c.Before, err = json.Marshal(before); err != nil {
		return c, err
	}
	c.After, err = json.Marshal(after)
	return c, err
}

// namedCustomers is how many customers of a change are named.
const namedCustomers = 20

// Members is one side of a change of customers.
type Members struct {
	Count int      `json:"count"` // of the whole cohort
	Only  int      `json:"only"`  // of those that are on this side only, or with other values
	IDs   []string `json:"ids"`   // of these the first 20
}

func customersChange(before, after []Customer) (c Change, changed bool, err error) {
	sides := [2]Members{{Count: len(before), IDs: []string{}}, {Count: len(after), IDs: []string{}}}
	left := make(map[string]string, len(before))
	for _, m := range before {
		left[m.ID] = fmt.Sprint(m.Values)
	}
	for _, m := range after {
		if values, both := left[m.ID]; both && values == fmt.Sprint(m.Values) {
			delete(left, m.ID)
			continue
		}
		sides[1].add(m.ID)
	}
	for _, m := range before {
		if _, only := left[m.ID]; only {
			sides[0].add(m.ID)
		}
	}
	if sides[0].Only+sides[1].Only == 0 {
		return c, false, nil
	}
	c, err = changeOf("customers", sides[0], sides[1])
	return c, true, err
}

func (m *Members) add(id string) {
	m.Only++
	if len(m.IDs) < namedCustomers {
		m.IDs = append(m.IDs, id)
	}
}

// VersionOf returns a rule with its customers as it was in a version, or
// ErrNoVersion.
func (r *Rules) VersionOf(ctx context.Context, app, id string, number int64) (u Rule, err error) {
	err = r.snapshot(ctx, func(tx *sql.Tx) error {
		_, u, err = readVersion(ctx, tx, app, id, number)
		return err
	})
	return u, err
}

func readVersion(ctx context.Context, tx *sql.Tx, app, id string, number int64) (v kept, u Rule, err error) {
	found, err := readVersions(ctx, tx, app, id, number+1, 1)
	if err != nil {
		return v, u, err
	}
	if id == "" || number <= 0 || len(found) == 0 || found[0].Number != number {
		return v, u, fmt.Errorf("%w: %d of %q", ErrNoVersion, number, id)
	}
	v = found[0]
	if u, err = v.rule(); err != nil {
		return v, u, err
	}
	u.Customers, err = keptCustomers(ctx, tx, app, v.customers)
	return v, u, err
}

// Revert makes a rule again what it was in a version: a deleted one is there
// again, with its id. state is what it is to be switched to; "" leaves it as it
// is, and off if it was deleted: going back never switches a rule on by itself.
// Otherwise it is like Replace.
func (r *Rules) Revert(ctx context.Context, app access.Application, id string, number int64, state State) (Rule, error) {
	var e *edition
	err := r.edit(ctx, app, func(tx *sql.Tx) error {
		v, u, err := readVersion(ctx, tx, app.ID, id, number)
		if err != nil {
			return err
		}
		before, err := readRule(ctx, tx, app.ID, id)
		deleted := errors.Is(err, ErrNotFound)
		if err != nil && !deleted {
			return err
		}
		u.State = state
		if state == "" && !deleted {
			u.State = before.State
		}
		if e, err = r.newEdition(ctx, app.ID, u); err != nil {
			return err
		}
		if !deleted {
			return e.change(ctx, tx, app.ID, before, r.now(), Reverted)
		}
		e.UpdatedAt, e.place = r.now(), v.place
		e.StateAt = e.UpdatedAt
		return e.add(ctx, tx, app.ID, Reverted)
	})
	if err != nil {
		return Rule{}, err
	}
	return e.Rule, nil
}
