package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// FS is a directory, as far as a Log needs it.
type FS interface {
	// Lock makes the directory this process's own until the lock is closed.
	// ErrLocked says that it is another one's.
	Lock() (io.Closer, error)
	// List returns the names of the files.
	List() ([]string, error)
	// Create makes a file that is not there yet.
	Create(name string) (File, error)
	// Open opens a file that is there.
	Open(name string) (Reader, error)
	// Remove deletes a file.
	Remove(name string) error
	// Sync makes what files there are last.
	Sync() error
}

// File is one that is written.
type File interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// Reader is a file that is read.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() (int64, error)
	Sync() error
}

// ErrLocked says that another process uses the directory.
var ErrLocked = errors.New("another process uses it: give each its own")

const lockName = "lock"

// Dir is the FS of a directory on disk. Only the user can read what it makes.
type Dir string

var _ FS = Dir("")

// Lock makes the directory too, if it is not there.
func (d Dir) Lock() (io.Closer, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(string(d), lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// List returns the names of the files.
func (d Dir) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Create makes a file that is not there yet.
func (d Dir) Create(name string) (File, error) {
	return os.OpenFile(filepath.Join(string(d), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Open opens a file that is there.
func (d Dir) Open(name string) (Reader, error) {
	f, err := os.OpenFile(filepath.Join(string(d), name), os.O_RDWR, 0) // not every system syncs what is only read
	if err != nil {
		return nil, err
	}
	return reader{f}, nil
}

// Remove deletes a file.
func (d Dir) Remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

// Sync makes what files there are last.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syncDir(f); err != nil {
		return fmt.Errorf("sync %s: %w", string(d), err)
	}
	return nil
}

type reader struct{ *os.File }

func (r reader) Size() (int64, error) {
	info, err := r.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
