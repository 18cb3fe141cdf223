package events

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// storageVersion is that of the file: columns can be compressed with Zstandard
// in files of DuckDB 1.2 and later.
const storageVersion = "v1.5.0"

// fileBlock is how many bytes a new file is read and written by; one that is there keeps
// what it has. DuckDB reads a whole block for a row of a list, and checks it: with
// its default of 256 KiB a list takes a fifth longer, and an event some bytes more, as
// texts are compressed block by block.
const fileBlock = 64 << 10

// fileOptions are those of a file that is written to. A row group that is there keeps
// its size.
var fileOptions = fmt.Sprintf("STORAGE_VERSION '%s', ROW_GROUP_SIZE %d", storageVersion, rowGroup)

// isCurrent reports whether the file takes all of the schema.
func isCurrent(ctx context.Context, db *sql.DB) (bool, error) {
	var version string
	if err := db.QueryRowContext(ctx, statement("storage_version")).Scan(&version); err != nil {
		return false, fmt.Errorf("version of the file: %w", err)
	}
	return strings.HasPrefix(version, storageVersion), nil
}

// raiseVersion rewrites the head of a file that nobody has open, which an
// earlier version of DuckDB has made or could have read. The rows stay.
func raiseVersion(ctx context.Context, path string) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// A statement that attaches takes no bound values.
	marks := strings.NewReplacer("{path}", strings.ReplaceAll(path, "'", "''"), "{file}", fileOptions)
	if _, err := db.ExecContext(ctx, marks.Replace(statement("raise_version"))); err != nil {
		return fmt.Errorf("raise the version of the file: %w", err)
	}
	return nil
}
