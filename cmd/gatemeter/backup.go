//go:build !gateway

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/platform"
	"github.com/gatemeter/gatemeter/platform/backup"
)

func backupCommand() *cobra.Command {
	var data, to, url string
	cmd := &cobra.Command{
		Use:   "backup --to DIR|FILE.tar",
		Short: "Copy everything the platform holds, while it runs or not",
		Long: `Copy everything the platform holds. A platform that runs is asked over HTTP, with the
token in GATEMETER_ADMIN_TOKEN: nothing is refused meanwhile, and all that was
acknowledged before is in the copy. Of one that does not run the files are read.`,
		Example: `  gatemeter backup --data /var/lib/gatemeter --to /backup/monday.tar
  gatemeter backup --url https://meter.example.com --to - | zstd > monday.tar.zst`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			source := func(w io.Writer) error { return askForBackup(cmd.Context(), url, w) }
			if url == "" {
				source = func(w io.Writer) error {
					err := platform.BackupStopped(cmd.Context(), data, version, time.Now(), w)
					if errors.Is(err, platform.ErrInUse) {
						return askForBackup(cmd.Context(), "http://"+platform.DefaultListen, w)
					}
					return err
				}
			}
			m, err := saveBackup(source, to, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d files, %.1f MB, as of %s\n", len(m.Files), float64(m.Bytes())/1e6, m.CreatedAt.Format(time.RFC3339))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", "an empty directory, a new file that ends in .tar, or - for the standard output")
	flags.StringVar(&data, "data", "./gatemeter-data", "data directory")
	flags.StringVar(&url, "url", "", "address of a platform that runs (default: the one that has the data directory, at http://"+platform.DefaultListen+")")
	_ = cmd.MarkFlagRequired("to") // the flag is there
	return cmd
}

// saveBackup puts what source writes where it is to go, and checks it on the way.
func saveBackup(source func(io.Writer) error, to string, stdout io.Writer) (backup.Manifest, error) {
	if _, err := os.Lstat(to); err == nil && strings.HasSuffix(to, ".tar") {
		return backup.Manifest{}, fmt.Errorf("%s is there already: name a new file with --to", to)
	}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := source(w)
		w.CloseWithError(err)
		ended <- err
	}()
	m, err := save(r, to, stdout)
	_ = r.Close() // never fails
	if why := <-ended; why != nil && !errors.Is(why, io.ErrClosedPipe) {
		return m, why
	}
	return m, err
}

func save(r io.Reader, to string, stdout io.Writer) (backup.Manifest, error) {
	switch {
	case to == "-":
		return backup.Check(io.TeeReader(r, stdout))
	case strings.HasSuffix(to, ".tar"):
		return saveFile(r, to)
	default:
		return backup.Unpack(r, to)
	}
}

// saveFile writes a file that is there as a whole or not at all.
func saveFile(r io.Reader, to string) (m backup.Manifest, err error) {
	f, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".part-*") // 0600
	if err != nil {
		return m, err
	}
	m, err = backup.Check(io.TeeReader(r, f))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return m, errors.Join(err, os.Remove(f.Name()))
	}
	return m, nil
}

// askForBackup gets the backup of a platform that runs.
func askForBackup(ctx context.Context, url string, w io.Writer) (err error) {
	token := os.Getenv("GATEMETER_ADMIN_TOKEN")
	if token == "" {
		return fmt.Errorf("the platform at %s runs: set GATEMETER_ADMIN_TOKEN to the token it was started with, or stop it", url)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+"/api/v1/backup", http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%w: where the platform listens is said with --url", err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10)) // for people
		return fmt.Errorf("%s answers %s: %s", url, answer.Status, text)
	}
	_, err = io.Copy(w, answer.Body)
	return err
}
