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
	rows, err := db.QueryContext(ctx, verifyQueries.Get("integrity"))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		if text != "ok" {
			faults = append(faults, text)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return faults, fmt.Errorf("state: %w", err)
	}
	broken, err := db.QueryContext(ctx, verifyQueries.Get("foreign_keys"))
	if err != nil {
		return faults, fmt.Errorf("state: %w", err)
	}
	for broken.Next() {
		var table, parent string
		var row, key sql.NullInt64
		if err := broken.Scan(&table, &row, &parent, &key); err != nil {
			return faults, errors.Join(err, broken.Close())
		}
		faults = append(faults, fmt.Sprintf("a row of %s has no %s", table, parent))
	}
	return faults, errors.Join(broken.Err(), broken.Close())
}
