package rules

import (
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

// row is a rule with what only the store knows of it.
type row struct {
	Rule
	number, place int64
	customersHash string // "" when it has none
}

// List returns the rules of an application with their customers, in the order
// in which they are served: of two that block a call the later one answers.
func (r *Rules) List(ctx context.Context, app string) ([]Rule, error) {
	return r.list(ctx, app, "")
}

// Rule returns one rule with its customers, or ErrNotFound.
func (r *Rules) Rule(ctx context.Context, app, id string) (Rule, error) {
	list, err := r.list(ctx, app, id)
	if err != nil || id == "" || len(list) == 0 {
		return Rule{}, errors.Join(ErrNotFound, err)
	}
	return list[0], nil
}

// Config returns the configuration of an application.
func (r *Rules) Config(ctx context.Context, app string) (c Config, err error) {
	err = r.snapshot(ctx, func(tx *sql.Tx) error {
		c, _, err = readConfig(ctx, tx, app)
		return err
	})
	return c, err
}

func (r *Rules) list(ctx context.Context, app, id string) (list []Rule, err error) {
	err = r.snapshot(ctx, func(tx *sql.Tx) error {
		rows, err := readRules(ctx, tx, app, id)
		if err != nil {
			return err
		}
		if err := readCustomers(ctx, tx, app, id, rows); err != nil {
			return err
		}
		list = rulesOf(rows)
		return nil
	})
	return list, err
}

// read returns what the documents of an application are made of; customers are
// left out when they are those of the documents before, which may be nil.
func (r *Rules) read(ctx context.Context, app string, before *Documents) (in input, err error) {
	changed := map[string]int64{}
	for _, kind := range []string{typeUser, typeCompany} {
		changed[kind] = r.of(app).profiles.of(kind).Load() // before anything is read
	}
	in.profiles = map[string]int64{}
	states, err := r.membershipsOf(ctx, app)
	if err != nil {
		return in, err
	}
	err = r.snapshot(ctx, func(tx *sql.Tx) error {
		key := sha256.New()
		var text []byte
		if in.config, text, err = readConfig(ctx, tx, app); err != nil {
			return err
		}
		key.Write(text)
		rows, err := readRules(ctx, tx, app, "")
		if err != nil {
			return err
		}
		on := withCohorts(slices.DeleteFunc(rows, func(u row) bool { return u.State != On }), states)
		for i := range on {
			u := &on[i]
			u.addTo(key)
			if u.asksProfiles() {
				in.profiles[u.Wire.Type] = changed[u.Wire.Type]
				_, _ = fmt.Fprintf(key, "\n%d %q", changed[u.Wire.Type], u.Wire.Variables)
			}
		}
		in.configKey = hex.EncodeToString(key.Sum(nil))
		in.sameConfig = before != nil && before.configKey == in.configKey
		if !in.sameConfig {
			if err := readCustomers(ctx, tx, app, "", on); err != nil {
				return err
			}
		}
		in.rules = rulesOf(on)
		return nil
	})
	if err == nil && !in.sameConfig {
		err = r.fillMembers(ctx, app, in.rules)
		if err == nil {
			err = r.fillValues(ctx, app, in.rules)
		}
	}
	return in, err
}

// addTo adds to key what the configuration's document has of the rule.
func (u *row) addTo(key hash.Hash) {
	if u.customersHash != "" {
		_, _ = io.WriteString(key, "\n"+u.Wire.ID+" "+u.Wire.Type+" "+u.customersHash)
	}
}

// snapshot runs fn on the state of one moment.
func (r *Rules) snapshot(ctx context.Context, fn func(tx *sql.Tx) error) (err error) {
	tx, err := r.db.Reader().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("rules: read: %w", err)
	}
	defer func() {
		if e := tx.Rollback(); e != nil && !errors.Is(e, sql.ErrTxDone) {
			err = errors.Join(err, e)
		}
		if err != nil {
			err = fmt.Errorf("rules: read: %w", err)
		}
	}()
	return fn(tx)
}

// readConfig returns the configuration, and the text as which it is stored.
func readConfig(ctx context.Context, tx *sql.Tx, app string) (Config, []byte, error) {
	var text []byte
	err := tx.QueryRowContext(ctx, queries.Get("configuration"), app).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return DefaultConfig(), nil, nil
	}
	if err != nil {
		return Config{}, nil, err
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, nil, fmt.Errorf("configuration of %s: %w", app, err)
	}
	return c, text, nil
}

// readRules returns the rules of an application, or only the one with this id,
// without their customers.
func readRules(ctx context.Context, tx *sql.Tx, app, id string) ([]row, error) {
	var list []row
	err := query(ctx, tx, "rules", app, id, func(rows *sql.Rows) error {
		var u row
		var document []byte
		var id string
		var since, updated int64
		if err := rows.Scan(&u.number, &id, &u.State, &since, &u.place, &document, &u.customersHash, &updated, &u.Cohort); err != nil {
			return err
		}
		if err := json.Unmarshal(document, &u.Wire); err != nil {
			return fmt.Errorf("rule %s: %w", id, err)
		}
		u.StateAt, u.UpdatedAt = time.UnixMicro(since).UTC(), time.UnixMicro(updated).UTC()
		u.Customers = []Customer{}
		list = append(list, u)
		return nil
	})
	return list, err
}

// readCustomers adds the customers to the rules that are in list.
func readCustomers(ctx context.Context, tx *sql.Tx, app, id string, list []row) error {
	byNumber := make(map[int64]*row, len(list))
	for i := range list {
		byNumber[list[i].number] = &list[i]
	}
	return query(ctx, tx, "rule_customers", app, id, func(rows *sql.Rows) error {
		var number int64
		var c Customer
		var values []byte
		if err := rows.Scan(&number, &c.ID, &values); err != nil {
			return err
		}
		u := byNumber[number]
		if u == nil {
			return nil
		}
		if err := json.Unmarshal(values, &c.Values); err != nil {
			return fmt.Errorf("rule %s, customer %q: %w", u.Wire.ID, c.ID, err)
		}
		u.Customers = append(u.Customers, c)
		return nil
	})
}

func query(ctx context.Context, tx *sql.Tx, name, app, id string, scan func(*sql.Rows) error) (err error) {
	rows, err := tx.QueryContext(ctx, queries.Get(name), app, id)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func rulesOf(rows []row) []Rule {
	list := make([]Rule, len(rows))
	for i, u := range rows {
		list[i] = u.Rule
	}
	return list
}
