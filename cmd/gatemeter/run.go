package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/gateway"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/telemetry"
)

func runCommand() *cobra.Command {
	var file string
	var port int
	var debug, watch bool
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run the gateway with a krakend.json (version 3; JSON, YAML or TOML)",
		Example: `  gatemeter run -c krakend.json
  GATEMETER_COLLECTOR_URL=http://127.0.0.1:9700 GATEMETER_APPLICATION_ID=… gatemeter run -c krakend.json -p 9000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var logger *slog.Logger
			var logging config.Logging // of logger
			read := func() (*config.Service, gateway.Options, error) {
				service, err := load(cmd, file)
				if err != nil {
					return nil, gateway.Options{}, err
				}
				if cmd.Flags().Changed("port") {
					service.Port = port
				}
				if debug {
					service.Logging.Level, service.Logging.Stdout = "DEBUG", true
				}
				if logger == nil || !reflect.DeepEqual(service.Logging, logging) { // a logger holds connections
					logger, logging = telemetry.Logger(service.Logging, os.Stdout), service.Logging
				}
				for _, warning := range service.Warnings {
					logger.Warn(service.Lines.Locate(warning))
				}
				return service, gateway.Options{Logger: logger, Version: version}, nil
			}
			service, options, err := read()
			if err != nil {
				return unreadError{err}
			}
			g, err := gateway.New(service, options)
			if err != nil {
				return err
			}
			tuneHeap(cmd.Context())
			go follow(cmd.Context(), changes(cmd.Context(), file, watch), func() {
				reload(g, read, logger)
			})
			return g.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration file")
	cmd.Flags().IntVarP(&port, "port", "p", 0, "listen here instead of on the file's port")
	cmd.Flags().BoolVarP(&debug, "debug", "d", false, "log at level DEBUG")
	cmd.Flags().BoolVar(&watch, "watch", false, "follow changes of the file, as on SIGHUP")
	return cmd
}

// load reads the file and shows every problem it has.
func load(cmd *cobra.Command, file string) (*config.Service, error) {
	return read(cmd, file, "parsing", config.Load)
}

// loadClean is load that takes nothing but a clean file.
func loadClean(cmd *cobra.Command, file string) (*config.Service, error) {
	return read(cmd, file, "linting", config.Lint)
}

// loadAllowed is load that takes nothing but what a schema of the user's allows.
func loadAllowed(cmd *cobra.Command, file, schema string) (*config.Service, error) {
	return read(cmd, file, "linting", func(file string, env func(string) (string, bool)) (*config.Service, error) {
		return config.LintAgainst(schema, file, env)
	})
}

func read(cmd *cobra.Command, file, doing string, from func(string, func(string) (string, bool)) (*config.Service, error)) (*config.Service, error) {
	if file == "" {
		return nil, errors.New("-c FILE is missing: name the configuration file, for example -c krakend.json")
	}
	service, err := from(file, os.LookupEnv)
	if err == nil {
		return service, nil
	}
	out := cmd.ErrOrStderr()
	fmt.Fprintf(out, "ERROR %s the configuration file: %s\n", doing, file)
	var problems config.Problems
	errors.As(err, &problems)
	for _, p := range problems {
		fmt.Fprintln(out, p.Located())
	}
	return nil, reportedError{err}
}
