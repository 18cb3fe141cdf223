package state

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
)

//go:embed copy.sql
var copySQL string

// CopyTo writes the database, as it is at one moment, into a new file of that
// path, which only its owner may read. Reads and writes go on.
func (db *DB) CopyTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- the caller's path
	if err != nil {
		return fmt.Errorf("state: copy: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("state: copy: %w", err)
	}
	// The readers may not write anything, and the writer has other things to do.
	own, err := sql.Open("sqlite", dsn(db.path, nil))
	if err != nil {
		return fmt.Errorf("state: copy: %w", err)
	}
	_, err = own.ExecContext(ctx, copySQL, path)
	if err = errors.Join(err, own.Close()); err != nil {
		return fmt.Errorf("state: copy: %w", err)
	}
	return nil
}
