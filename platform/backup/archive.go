package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"time"
)

const (
	format       = 1
	manifestName = "manifest.json"
	maxManifest  = 64 << 20 // bytes; a journal of many files has 100 bytes for each
)

// ErrBroken is wrapped by errors about an archive that is not a whole backup.
var ErrBroken = errors.New("this is not a whole backup")

// names are the files a backup consists of, manifest.json apart. Nothing else is
// taken out of an archive.
var names = regexp.MustCompile(`^(state\.db(-wal)?|events\.duckdb(\.[a-z.]*wal)?|journal/[A-Za-z0-9][A-Za-z0-9._-]*)$`)

// Manifest says what a backup holds.
type Manifest struct {
	Format    int             `json:"format"`
	Version   string          `json:"version"`    // of gatemeter
	CreatedAt time.Time       `json:"created_at"` // UTC: what was acknowledged before is in it
	Files     map[string]File `json:"files"`
}

// File is one file of a backup.
type File struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Bytes is how much all files hold.
func (m Manifest) Bytes() (sum int64) {
	for _, f := range m.Files {
		sum += f.Bytes
	}
	return sum
}

// pack writes the files of a data directory, or of the copy of one, as an
// archive. Files that belong to no backup are left out.
func pack(ctx context.Context, dir string, m Manifest, w io.Writer) error {
	m.Format, m.Files = format, map[string]File{}
	archive := tar.NewWriter(w)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir() && name != "." && name != "journal":
			return fs.SkipDir
		case entry.IsDir() || !names.MatchString(name):
			return nil
		}
		m.Files[name], err = packFile(archive, filepath.Join(dir, name), name, m.CreatedAt)
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(header(manifestName, int64(len(text)), m.CreatedAt)); err != nil {
		return err
	}
	if _, err := archive.Write(text); err != nil {
		return err
	}
	return archive.Close()
}

func header(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at, Format: tar.FormatPAX}
}

func packFile(archive *tar.Writer, file, name string, at time.Time) (f File, err error) {
	from, err := os.Open(filepath.Clean(file))
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	info, err := from.Stat()
	if err != nil {
		return f, err
	}
	if err := archive.WriteHeader(header(name, info.Size(), at)); err != nil {
		return f, err
	}
	sum := sha256.New()
	n, err := io.CopyN(io.MultiWriter(archive, sum), from, info.Size())
	if err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return File{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// read gives every file of an archive to put, and then checks them against the
// manifest. Errors about the archive wrap ErrBroken.
func read(r io.Reader, put func(name string, size int64, data io.Reader) error) (Manifest, error) {
	archive := tar.NewReader(r)
	found := map[string]File{}
	for {
		h, err := archive.Next()
		if err != nil {
			return Manifest{}, fmt.Errorf("%w: it has no manifest: %w", ErrBroken, err)
		}
		if h.Name == manifestName {
			break
		}
		if h.Typeflag != tar.TypeReg || !names.MatchString(h.Name) || path.Clean(h.Name) != h.Name {
			return Manifest{}, fmt.Errorf("%w: %q does not belong into one", ErrBroken, h.Name)
		}
		if _, twice := found[h.Name]; twice {
			return Manifest{}, fmt.Errorf("%w: %q is in it twice", ErrBroken, h.Name)
		}
		sum := sha256.New()
		data := io.TeeReader(archive, sum)
		if err := put(h.Name, h.Size, data); err != nil {
			return Manifest{}, fmt.Errorf("%s: %w", h.Name, err)
		}
		found[h.Name] = File{Bytes: h.Size, SHA256: hex.EncodeToString(sum.Sum(nil))}
	}
	m, err := readManifest(archive, found)
	if err != nil {
		return m, err
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%w: something follows the manifest", ErrBroken)
	}
	_, err = io.Copy(io.Discard, r) // the rest of the archive's padding
	return m, err
}

func readManifest(r io.Reader, found map[string]File) (m Manifest, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return m, fmt.Errorf("%w: its manifest: %w", ErrBroken, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: its manifest: %w", ErrBroken, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("%w of a format this program knows: it has %d, this program reads %d", ErrBroken, m.Format, format)
	}
	for name, f := range m.Files {
		switch got, ok := found[name]; {
		case !ok:
			return m, fmt.Errorf("%w: %s is missing", ErrBroken, name)
		case got != f:
			return m, fmt.Errorf("%w: %s is not what was written (%d bytes, SHA-256 %s; must be %d, %s)", ErrBroken, name, got.Bytes, got.SHA256, f.Bytes, f.SHA256)
		}
	}
	if len(found) != len(m.Files) {
		return m, fmt.Errorf("%w: its manifest does not know all of its files", ErrBroken)
	}
	for _, name := range []string{"state.db", "events.duckdb"} {
		if _, ok := m.Files[name]; !ok {
			return m, fmt.Errorf("%w: %s is missing", ErrBroken, name)
		}
	}
	return m, nil
}
