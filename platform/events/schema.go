package events

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed sql/*.sql
var statements embed.FS

// statement returns the text of sql/name.sql.
func statement(name string) string {
	text, err := statements.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // a name that is not compiled in; the tests use them all
	}
	return string(text)
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date: file number n of migrations, in the
// order of their names, leads from version n-1 to n.
func migrate(ctx context.Context, db *sql.DB) (changed bool, err error) {
	if _, err := db.ExecContext(ctx, statement("schema_version")); err != nil {
		return false, fmt.Errorf("migrate: %w", err)
	}
	var current int
	if err := db.QueryRowContext(ctx, statement("schema_current")).Scan(&current); err != nil {
		return false, fmt.Errorf("migrate: %w", err)
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return false, err
	}
	if current > len(files) {
		return false, fmt.Errorf("the schema has version %d, this program knows %d: use the newer program that wrote it", current, len(files))
	}
	for i, file := range files[current:] {
		if err := apply(ctx, db, file, current+i+1); err != nil {
			return false, fmt.Errorf("migrate: %s: %w", file, err)
		}
	}
	return current < len(files), nil
}

func apply(ctx context.Context, db *sql.DB, file string, version int) (err error) {
	text, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, statement("schema_applied"), version); err != nil {
		return err
	}
	return tx.Commit()
}
