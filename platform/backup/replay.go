package backup

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
)

// replay writes a directory that Unpack filled as the archive it came from, with
// the manifest it came with: whoever reads it finds out what has changed since.
func replay(ctx context.Context, dir string, manifest []byte, w io.Writer) error {
	var m Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return fmt.Errorf("%w: its manifest: %w", ErrBroken, err)
	}
	archive := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !names.MatchString(name) {
			return fmt.Errorf("%w: %q does not belong into one", ErrBroken, name)
		}
		if _, err := packFile(archive, filepath.Join(dir, name), name, m.CreatedAt); err != nil {
			return err
		}
	}
	if err := archive.WriteHeader(header(manifestName, int64(len(manifest)), m.CreatedAt)); err != nil {
		return err
	}
	if _, err := archive.Write(manifest); err != nil {
		return err
	}
	return archive.Close()
}
