package events

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

const (
	maxQuestions       = 8 // answered at a time; more wait
	defaultMemoryLimit = 256 << 20
	// noCheckpoint is more than any load has: DuckDB would write its file at the end
	// of a large one, however little of a row group there is.
	noCheckpoint = "1TiB"
	// closeTime is how long Close tries to write the file while somebody still reads.
	closeTime = 5 * time.Second
)

// ErrDown is returned while the store is broken or closed: Reopen it, or wait
// for whoever loads to do so.
var ErrDown = errors.New("the event store is down")

// ErrMemory is returned for what needs more memory than DuckDB may use, beside what
// else is asked at the moment.
var ErrMemory = errors.New("this needs more memory than the event store may use")

// Options of a Store. The zero value is usable.
type Options struct {
	MemoryLimit int64 // bytes DuckDB may use, at least 64 MiB; 0: 256 MiB
	Threads     int   // 0: one per CPU; half of them are used while much is loaded
	Logger      *slog.Logger
	ReadOnly    bool // only to be looked at: nothing can be loaded, nothing is changed
}

// Store is safe for concurrent use; loads wait for one another.
type Store struct {
	path string
	o    Options
	log  *slog.Logger

	// use is held for reading by questions and loads, and for writing by Reopen
	// and Close.
	use     sync.RWMutex
	db      *sql.DB   // nil while the file is not open
	writer  *sql.Conn // the connection for loading
	folder  *sql.Conn // the one for checkpoints
	closed  bool
	opening int // counts how often the file was opened

	loading sync.Mutex // one load at a time
	// These belong to whoever loads or opens.
	tail     tail     // what is not rolled up
	crowding crowding // of what is
	facts    facts
	calm     *time.Timer // gives back the threads that loading has taken; nil: none

	checkpoints checkpoints
	counted     counted

	copying sync.Mutex
	file    *os.File // what copies are read from; nil before the first; guarded by copying

	health  sync.Mutex
	trouble error // why the store does not answer; nil when it does
}

// Open opens or creates the store in the file path, which one process at a time
// may use.
func Open(path string, o Options) (*Store, error) {
	if strings.Contains(path, "?") {
		return nil, fmt.Errorf("open event store %s: the path must not contain a question mark", path)
	}
	if o.MemoryLimit == 0 {
		o.MemoryLimit = defaultMemoryLimit
	}
	if o.Threads == 0 {
		o.Threads = runtime.NumCPU()
	}
	s := &Store{path: path, o: o, log: o.Logger}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := s.open(context.Background()); err != nil {
		return nil, fmt.Errorf("open event store %s: %w", path, err)
	}
	return s, nil
}

// open needs use held for writing.
func (s *Store) open(ctx context.Context) error {
	db, err := s.openFile()
	if err != nil {
		return err
	}
	if s.o.ReadOnly {
		if s.writer, err = db.Conn(ctx); err != nil {
			return errors.Join(err, db.Close())
		}
		s.db = db
		s.setTrouble(nil)
		return nil
	}
	current, err := isCurrent(ctx, db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if !current {
		s.log.Info("the event store's file is raised to a newer version of DuckDB's format", "path", s.path, "version", storageVersion)
		if err := errors.Join(db.Close(), raiseVersion(ctx, s.path)); err != nil {
			return err
		}
		if db, err = s.openFile(); err != nil {
			return err
		}
	}
	logs, err := s.files() // that an earlier program has left
	if err != nil {
		return errors.Join(err, db.Close())
	}
	changed, err := migrate(ctx, db)
	if err == nil && (changed || len(logs) > 0) {
		_, err = db.ExecContext(ctx, statement("checkpoint"))
	}
	if err == nil {
		s.writer, err = db.Conn(ctx)
	}
	if err == nil {
		s.folder, err = db.Conn(ctx)
	}
	var position uint64
	if err == nil {
		position, err = readPosition(ctx, db)
	}
	if err == nil {
		s.tail, err = measureTail(ctx, db)
	}
	if err == nil && s.tail.events >= maxTail { // a store that had no rollups
		err = s.rollUp(ctx)
	}
	if err == nil {
		err = s.readHeavy(ctx, db)
	}
	if err == nil {
		err = s.settle(ctx)
	}
	if err == nil {
		err = os.Chmod(s.path, 0o600)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	s.counted.changes() // what the last load did was not known
	s.checkpoints.unsynced = bulk{}
	s.checkpoints.due.Store(false)
	s.checkpoints.synced.Store(position)
	s.opening++
	s.crowding = crowding{}
	s.db = db
	if err := s.compactLast(ctx, db); err != nil {
		s.log.Warn("the rollups of the last days could not be looked at", "path", s.path, "error", err)
	}
	s.setTrouble(nil)
	return nil
}

func (s *Store) openFile() (*sql.DB, error) { return s.openAt(s.path) }

func (s *Store) openAt(path string) (*sql.DB, error) {
	fewArenas()
	settings := url.Values{
		"memory_limit":                 {strconv.FormatInt(s.o.MemoryLimit>>20, 10) + "MiB"},
		"threads":                      {strconv.Itoa(s.o.Threads)},
		"temp_directory":               {path + ".tmp"},
		"checkpoint_threshold":         {noCheckpoint},
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
		"preserve_insertion_order":     {"false"},
		"max_vacuum_tasks":             {"0"}, // until it is known whether row groups may be joined
		// Rows that were found are read by their numbers, up to so many: with more
		// of them everything between the first and the last would be unpacked.
		"dynamic_or_filter_threshold": {strconv.Itoa(2 * maxPage)},
	}
	// The journal has what is not in the file. To write it into a log of DuckDB's, too,
	// took a fifth of the time of loading.
	options := "RECOVERY_MODE no_wal_writes, " + fileOptions
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		options += ", BLOCK_SIZE " + strconv.Itoa(fileBlock)
	}
	if s.o.ReadOnly {
		options = "READ_ONLY"
	}
	// A statement that attaches takes no bound values.
	marks := strings.NewReplacer("{path}", strings.ReplaceAll(path, "'", "''"), "{options}", options)
	attach := marks.Replace(statement("attach"))
	connector, err := duckdb.NewConnector("?"+settings.Encode(), func(c driver.ExecerContext) error {
		_, err := c.ExecContext(context.Background(), attach, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(maxQuestions + 2)
	db.SetMaxIdleConns(maxQuestions + 2)
	if err := db.PingContext(context.Background()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// shut needs use held for writing.
func (s *Store) shut() error {
	if s.db == nil {
		return nil
	}
	if s.calm != nil {
		s.calm.Stop()
		s.calm = nil
	}
	var err error
	for _, c := range []*sql.Conn{s.writer, s.folder} {
		if c == nil { // a file that is only looked at
			continue
		}
		if e := c.Close(); !errors.Is(e, sql.ErrConnDone) { // database/sql has closed one that broke
			err = errors.Join(err, e)
		}
	}
	err = errors.Join(err, s.db.Close())
	s.db, s.writer, s.folder = nil, nil, nil
	s.copying.Lock()
	defer s.copying.Unlock()
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
		s.file = nil
	}
	return err
}

// Close writes what was loaded into the file, waits for running questions and closes
// it. After an error of writing the journal has what is missing.
func (s *Store) Close() error {
	var err error
	if !s.o.ReadOnly && s.Ready() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if err = s.Sync(ctx); isBusy(err) {
			err = nil
		}
	}
	if err = errors.Join(err, s.end()); err != nil {
		return fmt.Errorf("close event store %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) end() error {
	defer s.checkpoints.others.Wait()
	s.use.Lock()
	defer s.use.Unlock()
	s.closed = true
	s.setTrouble(fmt.Errorf("%w: closed", ErrDown))
	return s.shut()
}

// Reopen closes the file and opens it again: after a fatal error, a full disk
// for one, DuckDB answers nothing more until then. What the last load did is
// decided by then: Position says it.
func (s *Store) Reopen(ctx context.Context) error {
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return fmt.Errorf("%w: closed", ErrDown)
	}
	if err := s.shut(); err != nil {
		s.log.Warn("the broken event store did not close cleanly", "path", s.path, "error", err)
	}
	if err := s.open(ctx); err != nil {
		err = fmt.Errorf("%w: reopen %s: %w", ErrDown, s.path, err)
		s.setTrouble(err)
		return err
	}
	return nil
}

// Ready is nil when the store answers; otherwise it wraps ErrDown.
func (s *Store) Ready() error {
	s.health.Lock()
	defer s.health.Unlock()
	return s.trouble
}

func (s *Store) setTrouble(err error) {
	s.health.Lock()
	defer s.health.Unlock()
	s.trouble = err
}

// do runs f on the open file, and notices when DuckDB has given up on it.
func (s *Store) do(f func() error) error {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.db == nil {
		return errors.Join(ErrDown, s.Ready())
	}
	err := f()
	var d *duckdb.Error
	switch {
	case isFatal(err):
		err = fmt.Errorf("%w: %w", ErrDown, err)
		s.setTrouble(err)
	case errors.As(err, &d) && d.Type == duckdb.ErrorTypeOutOfMemory:
		err = fmt.Errorf("%w: %w", ErrMemory, err)
	}
	return err
}

func isFatal(err error) bool {
	var d *duckdb.Error
	if !errors.As(err, &d) {
		return false
	}
	return d.Type == duckdb.ErrorTypeFatal || d.Type == duckdb.ErrorTypeInternal ||
		strings.Contains(d.Msg, "database has been invalidated")
}

// isBusy reports whether a checkpoint has to wait for somebody who reads what was
// before a change.
func isBusy(err error) bool {
	var d *duckdb.Error
	return errors.As(err, &d) && d.Type == duckdb.ErrorTypeTransaction
}

// ask runs one query of any number of rows in a transaction of its own.
func (s *Store) ask(ctx context.Context, q question, row func(*sql.Rows) error) error {
	return s.do(func() error { return query(ctx, s.db, q, row) })
}

// querier is a *sql.DB, *sql.Conn or *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func query(ctx context.Context, db querier, q question, row func(*sql.Rows) error) (err error) {
	rows, err := db.QueryContext(ctx, q.sql, q.args...)
	if err != nil {
		return fmt.Errorf("event store: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("event store: %w", err)
	}
	return nil
}

// valuesOf returns the values of a query's only column.
func valuesOf[T any](ctx context.Context, db querier, q question) (values []T, err error) {
	err = query(ctx, db, q, func(rows *sql.Rows) error {
		var v T
		err := rows.Scan(&v)
		values = append(values, v)
		return err
	})
	return values, err
}
