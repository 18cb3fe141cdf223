//go:build !gateway

package main

import (
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/platform"
)

// platformCommands are those that need the platform's half.
func platformCommands() []*cobra.Command {
	return []*cobra.Command{platformCommand(), backupCommand(), restoreCommand(), demoCommand()}
}

func platformCommand() *cobra.Command {
	var listen, data string
	cmd := &cobra.Command{
		Use:     "platform",
		Short:   "Run the platform: collector API, event store and console",
		Example: "  gatemeter platform --listen 0.0.0.0:9700 --data /var/lib/gatemeter",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := platform.Open(cmd.Context(), platform.Options{
				Dir:           data,
				Listen:        listen,
				Logger:        terminalLogger(slog.LevelInfo),
				AdminToken:    os.Getenv("GATEMETER_ADMIN_TOKEN"),
				ApplicationID: os.Getenv("GATEMETER_APPLICATION_ID"),
				Version:       version,
			})
			if err != nil {
				return err
			}
			return p.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", platform.DefaultListen, "address of the collector API and the console")
	cmd.Flags().StringVar(&data, "data", "./gatemeter-data", "data directory")
	return cmd
}

// terminalLogger logs for people on a terminal and as plain text elsewhere.
func terminalLogger(level slog.Level) *slog.Logger {
	if isatty.IsTerminal(os.Stderr.Fd()) {
		return slog.New(tint.NewTextHandler(os.Stderr, &tint.Options{Level: level}))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
