//go:build !gateway

package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/demo"
	"github.com/gatemeter/gatemeter/platform"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	var quiet, verbose bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start everything on this machine: platform, gateway, an upstream, and customers who call",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := slog.LevelWarn
			if verbose {
				level = slog.LevelDebug
			}
			o.Traffic = !quiet
			o.Out = cmd.OutOrStdout()
			o.Logger = terminalLogger(level)
			o.Lookup = os.LookupEnv
			o.Version = version
			return demo.Run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "data", "./gatemeter-demo", "data directory")
	flags.StringVar(&o.Listen, "listen", platform.DefaultListen, "address of the platform")
	flags.IntVarP(&o.Port, "port", "p", 8080, "port of the gateway")
	flags.StringVarP(&o.File, "config", "c", "", "the gateway's configuration (default: the example built in)")
	flags.BoolVar(&quiet, "no-traffic", false, "leave it silent: no customers, no history")
	flags.BoolVarP(&verbose, "debug", "d", false, "log everything")
	return cmd
}
