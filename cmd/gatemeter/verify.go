//go:build !gateway

package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/platform"
)

func verifyCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check a platform's data directory: journal, store, state and balance",
		Long: "Reads everything in the data directory of a platform that does not run, or in a copy of one, and changes nothing.\n" +
			"Prints figures and exits with 0 when all fits together, with 1 and a line for each fault otherwise.",
		Example: "  gatemeter verify --data /var/lib/gatemeter",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := platform.Verify(cmd.Context(), data, terminalLogger(slog.LevelError))
			if err != nil {
				return err
			}
			if err := v.Write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if n := len(v.Faults); n > 0 {
				return reportedError{fmt.Errorf("%d faults", n)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "./gatemeter-data", "data directory")
	return cmd
}
