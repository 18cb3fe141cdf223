package events

import (
	"context"
	"fmt"
	"strings"
)

// MaxExport bounds how many events one export holds.
const MaxExport = 10_000_000

// Formats that DuckDB writes.
const (
	CSV     = "csv"
	Parquet = "parquet"
)

var exportFormats = map[string]string{
	CSV:     "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'",
	Parquet: "FORMAT parquet, COMPRESSION zstd",
}

// exportBytes is about what an event takes in a file, without and with bodies.
var exportBytes = map[string][2]int64{CSV: {1024, 4096}, Parquet: {256, 1024}}

// ExportCount counts the events that an export would hold.
func (s *Store) ExportCount(ctx context.Context, f Filter) (events int64, err error) {
	c, err := f.condition()
	if err != nil {
		return 0, err
	}
	return s.count(ctx, "events", c)
}

// ExportBytes is about how many bytes an export of so many events takes, 0 for a
// format that DuckDB does not write.
func ExportBytes(events int64, format string, bodies bool) int64 {
	each := exportBytes[format]
	if bodies {
		return events * each[1]
	}
	return events * each[0]
}

// ExportSize estimates how many bytes an export takes. It wraps ErrQuestion when
// there are more than MaxExport events.
func (s *Store) ExportSize(ctx context.Context, f Filter, format string, bodies bool) (bytes int64, err error) {
	if _, ok := exportBytes[format]; !ok {
		return 0, fmt.Errorf("%w: format: must be csv or parquet (got %q)", ErrQuestion, format)
	}
	n, err := s.ExportCount(ctx, f)
	if err != nil {
		return 0, err
	}
	if n > MaxExport {
		return 0, fmt.Errorf("%w: from: these are %d events, an export holds %d: ask for a shorter range", ErrQuestion, n, MaxExport)
	}
	return ExportBytes(n, format, bodies), nil
}

// Export writes the events that f selects, oldest first, into a new file of that
// path: a column for each of a row's; headers, metadata and bodies are JSON texts.
// It ends with ctx.
func (s *Store) Export(ctx context.Context, f Filter, format, path string, bodies bool) error {
	c, err := f.condition()
	if err != nil {
		return err
	}
	columns, join := strings.TrimSpace(statement("export_columns")), ""
	if bodies {
		columns += ", request_body, request_encoding, response_body, response_encoding"
		join = strings.TrimSpace(statement("export_bodies"))
	}
	q := build("export", map[string]string{
		"columns": columns, "bodies": join, "format": exportFormats[format],
		"path": strings.ReplaceAll(path, "'", "''"), // a target takes no bound values
	}, c, nil, nil)
	return s.do(func() error {
		if _, err := s.db.ExecContext(ctx, q.sql, q.args...); err != nil {
			return fmt.Errorf("export events: %w", err)
		}
		return nil
	})
}
