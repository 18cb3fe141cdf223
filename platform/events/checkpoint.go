package events

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	// rowGroup is how many rows DuckDB compresses together.
	rowGroup = 122_880
	// checkpointBytes bounds DuckDB's log, where the rows are long.
	checkpointBytes = 256 << 20
)

// fold has DuckDB take its log into the file once rows more fill a row group. A group
// that is filled in part is unpacked, and compressed again, by the next checkpoint:
// at any other moment each row would be compressed several times.
func (s *Store) fold(ctx context.Context, rows int) error {
	if s.unfolded += rows; s.unfolded < rowGroup {
		return nil
	}
	_, err := s.writer.ExecContext(ctx, statement("checkpoint"))
	switch {
	case isFatal(err):
		return err
	case err != nil: // the rows are in the log: the next load tries it again
		s.log.Warn("the event store's log could not be taken into its file", "path", s.path, "error", err)
	default:
		s.unfolded %= rowGroup
	}
	return nil
}

// measureUnfolded returns how many rows are in the last row group, about.
func measureUnfolded(ctx context.Context, db *sql.DB) (int, error) {
	var rows int
	if err := db.QueryRowContext(ctx, statement("rows")).Scan(&rows); err != nil {
		return 0, fmt.Errorf("event store: %w", err)
	}
	return rows % rowGroup, nil
}
