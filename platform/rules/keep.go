package rules

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"time"
)

// How a rule came to be what a version says.
type How string

// Ways to change rules.
const (
	Before   How = "before" // what it was when its history began
	Created  How = "created"
	Changed  How = "changed"
	Deleted  How = "deleted"
	Reverted How = "reverted"
	Ordered  How = "ordered" // the order of all rules
)

// Bounds of the history: the oldest go first.
const (
	maxRuleVersions = 100
	maxVersions     = 5000 // of an application
)

// whoKey is the context's key of who makes a change.
type whoKey struct{}

// By returns a context in which changes are written down as made by who, a
// person's e-mail address or the name of a token.
func By(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, whoKey{}, who)
}

func whoIn(ctx context.Context) string {
	who, _ := ctx.Value(whoKey{}).(string)
	return who
}

// keepWith writes down what the rule is now, with its customers.
func (e *edition) keepWith(ctx context.Context, tx *sql.Tx, app string, how How) error {
	if err := keepCustomers(ctx, tx, app, e.cohort); err != nil {
		return err
	}
	return e.keep(ctx, tx, app, e.UpdatedAt, how)
}

// keep writes down what a rule is; its customers are kept already.
func (u *row) keep(ctx context.Context, tx *sql.Tx, app string, at time.Time, how How) error {
	document, err := json.Marshal(u.Wire)
	if err != nil {
		return err
	}
	return keepVersion(ctx, tx, app, u.Wire.ID, at, how, u.State, u.place, document, u.customersHash, u.Cohort)
}

// reordering is the document of a version of the order.
type reordering struct{ Before, After []string } // ids of rules

func keepOrder(ctx context.Context, tx *sql.Tx, app string, o reordering, at time.Time) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return keepVersion(ctx, tx, app, "", at, Ordered, Off, 0, text, "", "")
}

func keepVersion(ctx context.Context, tx *sql.Tx, app, id string, at time.Time, how How, state State, place int64, document []byte, customersHash, cohort string) error {
	who := whoIn(ctx)
	if how == Before {
		who = ""
	}
	if _, err := tx.ExecContext(ctx, queries.Get("add_version"), app, id, at.UnixMicro(), who, how, state, place, string(document), customersHash, cohort); err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, queries.Get("drop_versions"), app, id, maxRuleVersions, maxVersions)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, queries.Get("drop_version_customers"), app)
	return err
}

// keepBefore writes down what a rule was before its first change that is written
// down: it is older than the history.
func keepBefore(ctx context.Context, tx *sql.Tx, app string, before row) error {
	var known bool
	if err := tx.QueryRowContext(ctx, queries.Get("has_versions"), app, before.Wire.ID).Scan(&known); err != nil || known {
		return err
	}
	rows := []row{before}
	if err := readCustomers(ctx, tx, app, before.Wire.ID, rows); err != nil {
		return err
	}
	c, err := cohortOf(rows[0].Customers)
	if err != nil {
		return err
	}
	c.hash = before.customersHash
	if err := keepCustomers(ctx, tx, app, c); err != nil {
		return err
	}
	return before.keep(ctx, tx, app, before.UpdatedAt, Before)
}

// keepCustomers writes a cohort once, however many versions have it.
func keepCustomers(ctx context.Context, tx *sql.Tx, app string, c cohort) error {
	if c.hash == "" {
		return nil
	}
	var known bool
	if err := tx.QueryRowContext(ctx, queries.Get("has_version_customers"), app, c.hash).Scan(&known); err != nil || known {
		return err
	}
	packed, err := packCustomers(c.text)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, queries.Get("add_version_customers"), app, c.hash, packed)
	return err
}

func packCustomers(text string) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// rewriteCustomers puts others in the place of a cohort that versions have.
func rewriteCustomers(ctx context.Context, tx *sql.Tx, app, hash string, list []Customer) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	packed, err := packCustomers(string(text))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, queries.Get("change_version_customers"), app, hash, packed)
	return err
}

// keptCustomers reads what keepCustomers wrote; none when the hash is "".
func keptCustomers(ctx context.Context, tx *sql.Tx, app, hash string) ([]Customer, error) {
	if hash == "" {
		return []Customer{}, nil
	}
	var packed []byte
	if err := tx.QueryRowContext(ctx, queries.Get("version_customers"), app, hash).Scan(&packed); err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	list := []Customer{}
	return list, json.NewDecoder(r).Decode(&list)
}
