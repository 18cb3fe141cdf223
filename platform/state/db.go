// Package state is the handle on the platform's state (applications, people,
// sessions, customers): one SQLite file, its migrations, and the one rule of
// writing to it. Events are not state; they live in their own store.
package state

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gatemeter/gatemeter/platform/failpoint"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many read transactions may run side by side.
const readers = 4

// DB is the state's database. Reads run side by side, each on its own snapshot;
// writes stand in a queue, one at a time, so that nobody ever meets SQLITE_BUSY.
// It is safe for concurrent use.
type DB struct {
	path   string
	writer *sql.DB // one connection, immediate transactions
	reader *sql.DB // query_only connections
}

// Open opens or creates the database file at path and brings its schema up to
// date. A commit is on disk when Write returns (WAL with synchronous=FULL).
func Open(ctx context.Context, path string) (*DB, error) {
	// The file holds password hashes and application ids: create it closed
	// before SQLite would create it with the umask's mode.
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: open: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("state: open: %w", err)
	}
	writer, err := sql.Open("sqlite", dsn(path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, fmt.Errorf("state: open %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer); err != nil {
		return nil, errors.Join(fmt.Errorf("state: migrate %s: %w", path, err), writer.Close())
	}
	reader, err := sql.Open("sqlite", dsn(path, url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state: open %s: %w", path, err), writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	return &DB{path: path, writer: writer, reader: reader}, nil
}

func dsn(path string, more url.Values) string {
	q := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(1)",
	}}
	for k, vs := range more {
		q[k] = append(q[k], vs...)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Reader runs single queries; each sees the last commit.
func (db *DB) Reader() *sql.DB { return db.reader }

// Write runs fn in a transaction of its own and commits it unless fn fails.
// Writes wait for each other; keep fn short and off the network. See Along for
// what else it may write.
func (db *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("state: begin: %w", err)
	}
	besides := alongside(ctx)
	err = fn(tx)
	if err == nil && besides != nil {
		err = besides.fn(ctx, tx)
	}
	if err != nil {
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			err = errors.Join(err, back)
		}
		return err
	}
	failpoint.Hit("state.written")
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("state: commit: %w", err)
	}
	if besides != nil {
		besides.done.Store(true)
	}
	return nil
}

// Ping reports whether the database still answers.
func (db *DB) Ping(ctx context.Context) error {
	if _, err := db.reader.ExecContext(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// Close closes the database after folding the write-ahead log into the file.
func (db *DB) Close() error {
	return errors.Join(db.reader.Close(), db.writer.Close())
}
