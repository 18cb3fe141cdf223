package events

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Rewrite puts the rows into a new file, which takes the place of the old one:
// DuckDB only marks what was deleted, and its bytes stay in the file. Questions
// are answered meanwhile, except while the files change places; loads wait. The
// disk needs space for a second file.
func (s *Store) Rewrite(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.loading.Lock()
	defer s.loading.Unlock()
	s.checkpoints.making.Lock()
	defer s.checkpoints.making.Unlock()
	path := s.path + ".new"
	err := s.makeEmpty(ctx, path)
	if err == nil {
		err = s.do(func() error { return s.copyRows(ctx, path) })
	}
	if err == nil {
		err = s.swap(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("rewrite the event store: %w", errors.Join(err, removeStore(path)))
	}
	return nil
}

// makeEmpty makes a file that has the tables, and no rows.
func (s *Store) makeEmpty(ctx context.Context, path string) (err error) {
	if err := removeStore(path); err != nil { // of a Rewrite that was interrupted
		return err
	}
	db, err := s.openAt(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := migrate(ctx, db); err != nil {
		return err
	}
	for _, name := range []string{"empty_new", "checkpoint"} {
		if _, err := db.ExecContext(ctx, statement(name)); err != nil {
			return err
		}
	}
	return os.Chmod(path, 0o600)
}

// copyRows copies the rows of every table. Those that DuckDB must not unpack together
// are in row groups of few rows, and stay in such.
func (s *Store) copyRows(ctx context.Context, path string) (err error) {
	// A statement that attaches takes no bound values.
	marks := strings.NewReplacer("{path}", strings.ReplaceAll(path, "'", "''"), "{file}", fileOptions)
	if _, err := s.writer.ExecContext(ctx, marks.Replace(statement("rewrite_begin"))); err != nil {
		return fmt.Errorf("event store: %w", err)
	}
	defer func() {
		_, end := s.writer.ExecContext(ctx, statement("rewrite_end"))
		err = errors.Join(err, end)
	}()
	if s.checkpoints.heavy.Load() == 0 {
		return s.copyAll(ctx)
	}
	tables, err := valuesOf[string](ctx, s.writer, question{sql: statement("tables")})
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := s.copyTable(ctx, table); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) copyAll(ctx context.Context) error {
	name, err := valuesOf[string](ctx, s.writer, question{sql: statement("database_name")})
	if err != nil {
		return err
	}
	marks := strings.NewReplacer("{name}", strings.ReplaceAll(name[0], `"`, `""`))
	_, err = s.writer.ExecContext(ctx, marks.Replace(statement("rewrite")))
	return err
}

// copyTable copies row group after row group, and writes each into the new file before
// the next.
func (s *Store) copyTable(ctx context.Context, table string) error {
	groups, err := valuesOf[int64](ctx, s.writer, question{sql: statement("row_groups"), args: []any{table}})
	if err != nil {
		return err
	}
	there, err := countRows(ctx, s.writer, table, condition{sql: "true"})
	if err != nil {
		return err
	}
	copyGroup := build("rewrite_group", map[string]string{"table": table}, condition{}, nil, nil)
	begin, copied := int64(0), int64(0)
	for _, rows := range groups {
		result, err := s.writer.ExecContext(ctx, copyGroup.sql, begin, begin+rows)
		if err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
		if _, err := s.writer.ExecContext(ctx, statement("rewrite_checkpoint")); err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
		begin += rows
		copied += n
	}
	if copied != there {
		return fmt.Errorf("copy %s: of %d rows %d were copied", table, there, copied)
	}
	return nil
}

// swap puts the file at path into the place of the store's.
func (s *Store) swap(ctx context.Context, path string) error {
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed || s.db == nil {
		return ErrDown
	}
	if err := s.shut(); err != nil {
		return errors.Join(err, s.reopenAs(ctx))
	}
	// A log that is left belongs to the old file: the rows in it would be lost, or
	// be put into the new one a second time.
	logs, err := s.files()
	if err == nil && len(logs) > 0 {
		err = fmt.Errorf("DuckDB has left %s behind", filepath.Base(logs[0]))
	}
	if err == nil {
		err = os.Rename(path, s.path)
	}
	return errors.Join(err, s.reopenAs(ctx))
}

// reopenAs opens what is there; it needs use held for writing.
func (s *Store) reopenAs(ctx context.Context) error {
	err := s.open(ctx)
	if err != nil {
		err = fmt.Errorf("%w: reopen %s: %w", ErrDown, s.path, err)
		s.setTrouble(err)
	}
	return err
}

// removeStore removes a file of DuckDB's and what it keeps beside it.
func removeStore(path string) error {
	files, err := filepath.Glob(globEscape(path) + "*")
	for _, file := range files {
		if e := os.Remove(file); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
