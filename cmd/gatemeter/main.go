// Command gatemeter is the gateway and the platform in one binary; one file a
// command, and nothing here but wiring.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set when the binary is built (make build).
var version = "dev"

func main() {
	// The first signal asks for a clean stop, the second ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args[1:]))
}

// execute runs one command and returns the process's exit code.
func execute(ctx context.Context, args []string) int {
	root := &cobra.Command{
		Use:           "gatemeter",
		Short:         "Put a meter on an API: a gateway that runs your krakend.json, and the platform behind it",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       buildVersion(),
	}
	root.AddCommand(runCommand(), checkCommand(), auditCommand(), versionCommand())
	root.AddCommand(platformCommands()...)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var reported reportedError
	if !errors.As(err, &reported) {
		fmt.Fprintln(os.Stderr, "gatemeter:", err)
	}
	var unread unreadError
	if errors.As(err, &unread) {
		return exitUnread
	}
	return 1
}

// exitUnread is the exit code of a run without a configuration that can be read, which
// is KrakenD's (v3, 9.11). Supervisors tell it from a gateway that ended.
const exitUnread = 255

// unreadError says that run has no configuration.
type unreadError struct{ error }

func (e unreadError) Unwrap() error { return e.error }

// reportedError has been shown to the user already; only the exit code is left.
type reportedError struct{ error }

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of gatemeter and of Go",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "gatemeter", buildVersion())
		},
	}
}

// buildVersion is what make build wrote, or what go install knows.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case !ok:
		return version
	case version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version + " (" + info.GoVersion + ")"
	default:
		return version + " (" + info.GoVersion + ")"
	}
}
