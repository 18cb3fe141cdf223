package state

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
)

//go:embed vacuum.sql
var vacuumFile string

var vacuum = ParseQueries(vacuumFile)

// ErrBusy says that a long read keeps old pages in the write-ahead log.
var ErrBusy = errors.New("state: a read that goes on keeps what was deleted in the log: try again")

// Vacuum rewrites the file, so that nothing of what was deleted stays in it, and
// empties the write-ahead log. Writes wait meanwhile.
func (db *DB) Vacuum(ctx context.Context) error {
	if _, err := db.writer.ExecContext(ctx, vacuum.Get("vacuum")); err != nil {
		return fmt.Errorf("state: vacuum: %w", err)
	}
	var busy, pages, done int
	if err := db.writer.QueryRowContext(ctx, vacuum.Get("empty_log")).Scan(&busy, &pages, &done); err != nil {
		return fmt.Errorf("state: vacuum: %w", err)
	}
	if busy != 0 {
		return ErrBusy
	}
	return nil
}
