package state

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
)

//go:embed verify.sql
var verifyFile string

var verifyQueries = ParseQueries(verifyFile)

// Verify reads everything in the database file at path, changes nothing, and tells
// what does not fit together.
func Verify(ctx context.Context, path string) (faults []string, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path, url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, fmt.Errorf("state: open %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = each(ctx, db, "integrity", func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		if text != "ok" && err == nil {
			faults = append(faults, text)
		}
		return err
	})
	if err != nil {
		return faults, err
	}
	err = each(ctx, db, "foreign_keys", func(rows *sql.Rows) error {
		var table, parent string
		var row, key sql.NullInt64
		err := rows.Scan(&table, &row, &parent, &key)
		faults = append(faults, fmt.Sprintf("a row of %s has no %s", table, parent))
		return err
	})
	return faults, err
}

func each(ctx context.Context, db *sql.DB, name string, f func(*sql.Rows) error) (err error) {
	rows, err := db.QueryContext(ctx, verifyQueries.Get(name))
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	return rows.Err()
}
