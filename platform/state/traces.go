package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Traces counts the rows that hold a text, as a whole value or within a JSON
// document, by table and column; tables in except are not looked into.
func (db *DB) Traces(ctx context.Context, text string, except ...string) (found map[string]int64, err error) {
	columns, err := db.textColumns(ctx)
	if err != nil {
		return nil, fmt.Errorf("state: traces: %w", err)
	}
	found = map[string]int64{}
	for _, c := range columns {
		if slices.Contains(except, c[0]) {
			continue
		}
		q := strings.NewReplacer("{table}", c[0], "{column}", c[1]).Replace(vacuum.Get("traces")) // names of the schema
		var n int64
		if err := db.reader.QueryRowContext(ctx, q, text).Scan(&n); err != nil {
			return nil, fmt.Errorf("state: traces: %s: %w", c[0], err)
		}
		if n > 0 {
			found[c[0]+"."+c[1]] = n
		}
	}
	return found, nil
}

func (db *DB) textColumns(ctx context.Context) (columns [][2]string, err error) {
	rows, err := db.reader.QueryContext(ctx, vacuum.Get("text_columns"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}
