package events

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// copyStep is after how many bytes a copy asks whether it is still wanted.
const copyStep = 64 << 20

// CopyTo copies the store, as it is at one moment, into a file of that path and
// into the files beside it that DuckDB keeps. Questions are answered meanwhile;
// loads wait, for as long as it takes to read and write the file once.
func (s *Store) CopyTo(ctx context.Context, path string) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	// Whatever cannot be written into the file is in the journal.
	if err := s.syncHeld(ctx); isFatal(err) {
		return fmt.Errorf("copy the event store: %w", err)
	}
	s.checkpoints.making.Lock()
	defer s.checkpoints.making.Unlock()
	err := s.do(func() error {
		if err := s.copyStore(ctx, path); err != nil {
			return err
		}
		return s.copyLogs(ctx, path)
	})
	if err != nil {
		return fmt.Errorf("copy the event store: %w", err)
	}
	return nil
}

// Size is how many bytes the store takes on the disk.
func (s *Store) Size() (bytes int64, err error) {
	files, err := s.files()
	if err != nil {
		return 0, err
	}
	for _, file := range append(files, s.path) {
		info, err := os.Stat(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a log that was just folded in
			return 0, fmt.Errorf("event store: %w", err)
		}
		if err == nil {
			bytes += info.Size()
		}
	}
	return bytes, nil
}

// copyStore copies the main file. The file it reads from stays open until the
// store is shut: to close it would give up DuckDB's lock on the same file, since
// locks of this kind (fcntl) belong to the process.
func (s *Store) copyStore(ctx context.Context, path string) error {
	s.copying.Lock()
	defer s.copying.Unlock()
	if s.file == nil {
		file, err := os.Open(s.path)
		if err != nil {
			return err
		}
		s.file = file
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return copyInto(ctx, path, s.file)
}

func (s *Store) copyLogs(ctx context.Context, path string) error {
	logs, err := s.files()
	if err != nil {
		return err
	}
	for _, log := range logs {
		file, err := os.Open(filepath.Clean(log))
		if err != nil {
			return err
		}
		err = copyInto(ctx, path+strings.TrimPrefix(log, s.path), file)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// files are those that DuckDB keeps beside the store.
func (s *Store) files() ([]string, error) {
	found, err := filepath.Glob(globEscape(s.path) + ".*wal")
	if err != nil {
		return nil, fmt.Errorf("event store: %w", err)
	}
	return found, nil
}

// globEscape returns a pattern that fits exactly s.
func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

func copyInto(ctx context.Context, path string, from io.Reader) (err error) {
	to, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Where the file system can, this shares the blocks instead of copying them.
		if _, err := io.CopyN(to, from, copyStep); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
