package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/config/schema"
)

func checkCommand() *cobra.Command {
	var file, indent, otherSchema string
	var lint, lintOffline, testRoutes, printSchema bool
	var dump int
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
			switch {
			case lint, lintOffline:
				read = loadClean
			case otherSchema != "":
				read = func(cmd *cobra.Command, file string) (*config.Service, error) {
					return loadAllowed(cmd, file, otherSchema)
				}
			}
			service, err := read(cmd, file)
			if err != nil {
				return err
			}
			for _, warning := range service.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "WARNING", service.Lines.Locate(warning))
			}
			if dump > 0 {
				if err := outline(cmd, service, indent); err != nil {
					return err
				}
			}
			fmt.Fprintln(out, "Syntax OK!")
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration file")
	cmd.Flags().BoolVarP(&lint, "lint", "l", false, "take warnings, and what the schema does not allow, for errors")
	cmd.Flags().BoolVarP(&lintOffline, "lint-no-network", "n", false, "the same: the schema is always the one in the program")
	cmd.Flags().StringVarP(&otherSchema, "lint-custom-schema", "s", "", "hold the file against the JSON Schema in this `file`")
	cmd.Flags().CountVarP(&dump, "debug", "d", "show what was understood")
	cmd.Flags().StringVarP(&indent, "indent", "i", "  ", "what -d begins a line with, once for each level")
	cmd.Flags().BoolVarP(&testRoutes, "test-gin-routes", "t", false, "find routes that can't be told apart, which is always done")
	cmd.Flags().BoolVar(&printSchema, "schema", false, "print the JSON Schema of the file, for editors, and do nothing else")
	cmd.MarkFlagsMutuallyExclusive("lint", "lint-no-network", "lint-custom-schema") // as in KrakenD (v3, 1.10)
	return cmd
}

// outline shows what the file was understood to mean, an endpoint a line.
func outline(cmd *cobra.Command, s *config.Service, indent string) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', tabwriter.StripEscape)
	if indent != "" {
		escape := string([]byte{tabwriter.Escape}) // a tab in it is no end of a cell
		indent = escape + indent + escape
	}
	fmt.Fprintf(w, "%s on %s:%d, %d endpoints\n", s.Name, s.ListenIP, s.Port, len(s.Endpoints))
	for _, e := range s.Endpoints {
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\n", indent, e.Method, e.Path, e.OutputEncoding, e.Timeout)
		for _, b := range e.Backends {
			fmt.Fprintf(w, "%s%s→ %s\t%v%s\t%s\t\n", indent, indent, b.Method, b.Hosts, b.URLPattern, b.Encoding)
		}
	}
	if m := s.Moesif; m != nil {
		fmt.Fprintf(w, "telemetry/moesif\tcollector %s\tbatches of %d every %s\tusers by %v\n", m.CollectorURL, m.BatchSize, m.TimerWakeUp, m.UserIDHeaders)
	}
	return w.Flush()
}
