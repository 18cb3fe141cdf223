package journal

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var errFenced = errors.New("the files were taken over by a later opening of the journal")

// fence is the disk as one opening of the journal sees it. A Pebble that has failed
// cannot be stopped for certain, and another one is to open the same files: once
// the fence is cut, nothing more is changed through it.
type fence struct {
	vfs.FS
	mu  sync.RWMutex // held for reading while something is changed
	cut bool         // guarded by mu
}

// close returns when nothing more is changed through the fence.
func (f *fence) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = true
}

// change runs one change of the files.
func (f *fence) change(do func() error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.cut {
		return errFenced
	}
	return do()
}

func (f *fence) file(open func() (vfs.File, error)) (file vfs.File, err error) {
	err = f.change(func() error {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &fencedFile{file, f}, nil
}

// Lock does nothing: the journal holds the lock over all of its openings.
func (f *fence) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

func (f *fence) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

func (f *fence) Link(from, to string) error {
	return f.change(func() error { return f.FS.Link(from, to) })
}

func (f *fence) Rename(from, to string) error {
	return f.change(func() error { return f.FS.Rename(from, to) })
}

func (f *fence) Remove(name string) error {
	return f.change(func() error { return f.FS.Remove(name) })
}

func (f *fence) RemoveAll(name string) error {
	return f.change(func() error { return f.FS.RemoveAll(name) })
}

func (f *fence) MkdirAll(dir string, mode os.FileMode) error {
	return f.change(func() error { return f.FS.MkdirAll(dir, mode) })
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file that was opened to be written.
type fencedFile struct {
	vfs.File
	fence *fence
}

func (f *fencedFile) Write(b []byte) (n int, err error) {
	err = f.fence.change(func() error {
		n, err = f.File.Write(b)
		return err
	})
	return n, err
}

func (f *fencedFile) WriteAt(b []byte, at int64) (n int, err error) {
	err = f.fence.change(func() error {
		n, err = f.File.WriteAt(b, at)
		return err
	})
	return n, err
}

func (f *fencedFile) Preallocate(offset, length int64) error {
	return f.fence.change(func() error { return f.File.Preallocate(offset, length) })
}
