package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotEmpty is wrapped when a directory that is to be filled holds something.
var ErrNotEmpty = errors.New("is not empty: name a new directory")

// Check reads an archive to its end and tells whether it is whole.
func Check(r io.Reader) (Manifest, error) {
	m, err := read(r, func(_ string, _ int64, data io.Reader) error {
		_, err := io.Copy(io.Discard, data)
		return err
	})
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	return m, nil
}

// Unpack puts the files of an archive and its manifest into a directory, which
// must be empty or not there. Unless all of it is whole, nothing stays.
func Unpack(r io.Reader, dir string) (Manifest, error) {
	m, err := unpack(r, dir, true)
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	return m, nil
}

// Restore makes an archive the data directory of a platform: Unpack without the
// manifest.
func Restore(r io.Reader, dir string) (Manifest, error) {
	m, err := unpack(r, dir, false)
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	return m, nil
}

// Open returns a backup as an archive: path is one, or a directory that Unpack
// filled. What is read is checked by whoever reads it.
func Open(ctx context.Context, path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if !info.IsDir() {
		return os.Open(filepath.Clean(path))
	}
	text, err := os.ReadFile(filepath.Join(filepath.Clean(path), manifestName))
	if err != nil {
		return nil, fmt.Errorf("backup: %w: %w", ErrBroken, err)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(replay(ctx, path, text, w)) }()
	return r, nil
}

func unpack(r io.Reader, dir string, withManifest bool) (m Manifest, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return m, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return m, err
	}
	if len(entries) > 0 {
		return m, fmt.Errorf("%s %w", dir, ErrNotEmpty)
	}
	// Under another name until it is known to be whole: a platform that is started
	// in between must not take half of it for its own.
	part, err := os.MkdirTemp(dir, "restore-")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(part)) }()
	if err := os.Mkdir(filepath.Join(part, "journal"), 0o700); err != nil {
		return m, err
	}
	m, err = read(r, func(name string, size int64, data io.Reader) error {
		return writeFile(filepath.Join(part, name), size, data)
	})
	if err != nil {
		return m, err
	}
	if withManifest {
		text, err := json.MarshalIndent(m, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(part, manifestName), text, 0o600)
		}
		if err != nil {
			return m, err
		}
	}
	return m, moveAll(part, dir)
}

func writeFile(path string, size int64, data io.Reader) (err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.CopyN(f, data, size); err != nil {
		return err
	}
	return f.Sync()
}

func moveAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return syncDir(to)
}

func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, errors.ErrUnsupported) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
