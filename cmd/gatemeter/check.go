package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/config/schema"
)

func checkCommand() *cobra.Command {
	var file string
	var lint, dump, printSchema bool
	cmd := &cobra.Command{
		Use:     "check -c FILE",
		Aliases: []string{"validate"},
		Short:   "Check a configuration file: one line per problem, with the key's path, or Syntax OK!",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if printSchema {
				_, err := fmt.Fprint(out, schema.Document)
				return err
			}
			fmt.Fprintln(out, "Parsing configuration file:", file)
			read := load
			if lint {
				read = loadClean
			}
			service, err := read(cmd, file)
			if err != nil {
				return err
			}
			for _, warning := range service.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "WARNING", service.Lines.Locate(warning))
			}
			if dump {
				if err := outline(cmd, service); err != nil {
					return err
				}
			}
			fmt.Fprintln(out, "Syntax OK!")
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration file")
	cmd.Flags().BoolVarP(&lint, "lint", "l", false, "take warnings, and what the schema does not allow, for errors")
	cmd.Flags().BoolVarP(&dump, "debug", "d", false, "show what was understood")
	cmd.Flags().BoolVar(&printSchema, "schema", false, "print the JSON Schema of the file, for editors, and do nothing else")
	return cmd
}

// outline shows what the file was understood to mean, an endpoint a line.
func outline(cmd *cobra.Command, s *config.Service) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s on %s:%d, %d endpoints\n", s.Name, s.ListenIP, s.Port, len(s.Endpoints))
	for _, e := range s.Endpoints {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", e.Method, e.Path, e.OutputEncoding, e.Timeout)
		for _, b := range e.Backends {
			fmt.Fprintf(w, "    → %s\t%v%s\t%s\t\n", b.Method, b.Hosts, b.URLPattern, b.Encoding)
		}
	}
	if m := s.Moesif; m != nil {
		fmt.Fprintf(w, "telemetry/moesif\tcollector %s\tbatches of %d every %s\tusers by %v\n", m.CollectorURL, m.BatchSize, m.TimerWakeUp, m.UserIDHeaders)
	}
	return w.Flush()
}
