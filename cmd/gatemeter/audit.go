package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/gateway/audit"
)

// defaultAuditFormat is a line for each recommendation, as KrakenD writes it.
const defaultAuditFormat = "{{ range . }}{{ .ID }}\t[{{ .Severity }}]\t{{ .Message }}\n{{ end }}"

func auditCommand() *cobra.Command {
	var file, ignoreFile, format string
	var ignored, severities []string
	cmd := &cobra.Command{
		Use:   "audit -c FILE",
		Short: "Recommend what would make a configuration safer, faster or easier to run; exit 1 when there is anything",
		Example: `  gatemeter audit -c krakend.json
  gatemeter audit -c krakend.json -s CRITICAL,HIGH -i 1.1.1,2.1.3
  gatemeter audit -c krakend.json -f '{{ range . }}{{ .ID }} {{ end }}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted, err := readSeverities(severities)
			if err != nil {
				return err
			}
			page, err := template.New("format").Parse(format)
			if err != nil {
				return fmt.Errorf("-f: not a Go template: %w", err)
			}
			if ignoreFile != "" {
				more, err := readIgnored(ignoreFile)
				if err != nil {
					return fmt.Errorf("-I: %w", err)
				}
				ignored = append(ignored, more...)
			}
			service, err := load(cmd, file)
			if err != nil {
				return err
			}
			left := slices.DeleteFunc(audit.Run(service), func(r audit.Recommendation) bool {
				return slices.Contains(ignored, r.ID) || !slices.Contains(wanted, r.Severity)
			})
			if len(left) == 0 {
				return nil
			}
			if err := page.Execute(cmd.ErrOrStderr(), left); err != nil {
				return fmt.Errorf("-f: %w", err)
			}
			return reportedError{errors.New("there are recommendations")}
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration file")
	cmd.Flags().StringSliceVarP(&ignored, "ignore", "i", nil, "`ids` to leave out")
	cmd.Flags().StringVarP(&ignoreFile, "ignore-file", "I", "", "a `file` with ids to leave out, one a line, # begins a remark")
	cmd.Flags().StringSliceVarP(&severities, "severity", "s", nil, "`severities` to show (default CRITICAL,HIGH,MEDIUM,LOW)")
	cmd.Flags().StringVarP(&format, "format", "f", defaultAuditFormat, "a Go `template` over the list of recommendations (ID, Severity, Message)")
	return cmd
}

func readSeverities(names []string) ([]audit.Severity, error) {
	if len(names) == 0 {
		return audit.Severities, nil
	}
	var all []audit.Severity
	for _, name := range names {
		s := audit.Severity(strings.ToUpper(strings.TrimSpace(name)))
		if !slices.Contains(audit.Severities, s) {
			return nil, fmt.Errorf("-s: must be some of CRITICAL, HIGH, MEDIUM, LOW (got %q)", name)
		}
		all = append(all, s)
	}
	return all, nil
}

func readIgnored(name string) ([]string, error) {
	file, err := os.Open(name) // #nosec G304 -- the user names it
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var ids []string
	lines := bufio.NewScanner(io.LimitReader(file, 1<<20))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		ids = append(ids, strings.Fields(line)...)
	}
	return ids, lines.Err()
}
