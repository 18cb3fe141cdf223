//go:build !gateway

package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/platform/backup"
)

func restoreCommand() *cobra.Command {
	var data, from string
	cmd := &cobra.Command{
		Use:     "restore --from DIR|FILE.tar --data DIR",
		Short:   "Make a new data directory out of a backup",
		Example: "  gatemeter restore --from /backup/monday.tar --data /var/lib/gatemeter",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			archive := io.NopCloser(cmd.InOrStdin())
			if from != "-" {
				if archive, err = backup.Open(cmd.Context(), from); err != nil {
					return err
				}
			}
			defer func() { err = errors.Join(err, archive.Close()) }()
			m, err := backup.Restore(archive, data)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s holds what gatemeter %s had at %s: start the platform with --data %s\n", data, m.Version, m.CreatedAt.Format(time.RFC3339), data)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "what backup wrote: a directory, a file, or - for the standard input")
	flags.StringVar(&data, "data", "./gatemeter-data", "data directory to make; it must be empty or not there")
	_ = cmd.MarkFlagRequired("from") // the flag is there
	return cmd
}
