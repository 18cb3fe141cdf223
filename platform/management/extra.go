package management

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

// extras returns what is kept beside rules and cohorts without acting upon it, by
// their ids; an id of "" stands for all.
func (a *API) extras(ctx context.Context, app, id string) (found map[string]json.RawMessage, err error) {
	rows, err := a.State.Reader().QueryContext(ctx, queries.Get("extras"), app, id)
	if err != nil {
		return nil, fmt.Errorf("management: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found = map[string]json.RawMessage{}
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, err
		}
		found[id] = json.RawMessage(text)
	}
	return found, rows.Err()
}

// extraOf reads one of them into x, which stays as it is when there is none.
func extraOf(found map[string]json.RawMessage, id string, x any) error {
	text, ok := found[id]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(text, x); err != nil {
		return fmt.Errorf("management: document of %s: %w", id, err)
	}
	return nil
}

func (a *API) saveExtra(ctx context.Context, app, id string, x any) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return a.change(ctx, "save_extra", app, id, string(text))
}

func (a *API) change(ctx context.Context, name string, args ...any) error {
	err := a.State.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get(name), args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("management: %w", err)
	}
	return nil
}
