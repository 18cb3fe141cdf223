//go:build !gateway

package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatemeter/gatemeter/platform"
	"github.com/gatemeter/gatemeter/platform/access"
)

// platformCommands are those that need the platform's half.
func platformCommands() []*cobra.Command {
	return []*cobra.Command{platformCommand(), verifyCommand(), backupCommand(), restoreCommand(), demoCommand()}
}

func platformCommand() *cobra.Command {
	var listen, data string
	var sso access.OIDC
	var auditDays int
	cmd := &cobra.Command{
		Use:     "platform",
		Short:   "Run the platform: collector API, event store and console",
		Example: "  gatemeter platform --listen 0.0.0.0:9700 --data /var/lib/gatemeter",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := auditDaysOf(cmd.Flags(), auditDays); err != nil {
				return err
			}
			p, err := platform.Open(cmd.Context(), platform.Options{
				Dir:           data,
				Listen:        listen,
				Logger:        terminalLogger(slog.LevelInfo),
				AdminToken:    os.Getenv("GATEMETER_ADMIN_TOKEN"),
				ApplicationID: os.Getenv("GATEMETER_APPLICATION_ID"),
				OIDC:          sso,
				AuditDays:     auditDays,
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
	cmd.Flags().IntVar(&auditDays, "audit-days", access.DefaultAuditDays, "days for which entries of the audit log are kept, 1 to 36500 (GATEMETER_AUDIT_DAYS)")
	addOIDC(cmd.Flags(), &sso)
	return cmd
}

// auditDaysOf takes the days from the environment when no flag says them. The zero is
// refused here, because it means the default elsewhere.
func auditDaysOf(flags *pflag.FlagSet, days int) error {
	const flag, variable = "audit-days", "GATEMETER_AUDIT_DAYS"
	if text := os.Getenv(variable); text != "" && !flags.Changed(flag) {
		if err := flags.Set(flag, text); err != nil {
			return fmt.Errorf("%s: %w", variable, err)
		}
		days, _ = flags.GetInt(flag) // it is one
	}
	if days == 0 {
		return fmt.Errorf("--%s (%s): must be 1 to %d (got 0)", flag, variable, access.MaxAuditDays)
	}
	return nil
}

// addOIDC adds how people sign in through an issuer. Each flag's default comes from
// GATEMETER_ and its name; the secret comes from there only, because others on the
// machine can read a command line.
func addOIDC(flags *pflag.FlagSet, o *access.OIDC) {
	text := func(into *string, name, usage string) {
		variable := "GATEMETER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		flags.StringVar(into, name, os.Getenv(variable), usage+" ("+variable+")")
	}
	text(&o.Issuer, "oidc-issuer", "URL of an OpenID Connect issuer that people can sign in through")
	text(&o.ClientID, "oidc-client-id", "client id at the issuer; the client secret is taken from GATEMETER_OIDC_CLIENT_SECRET")
	text(&o.RedirectURL, "oidc-redirect-url", "callback as the issuer knows it, when it cannot be told from the request: https://HOST/api/v1/oidc/callback")
	text((*string)(&o.Role), "oidc-default-role", "role of people who come in by their domain: admin, analyst or read-only (the default)")
	domains := os.Getenv("GATEMETER_OIDC_DOMAINS")
	flags.StringSliceVar(&o.Domains, "oidc-domains", strings.FieldsFunc(domains, func(r rune) bool { return r == ',' || r == ' ' }),
		"domains of e-mail addresses that come in without an invitation, with commas between them (GATEMETER_OIDC_DOMAINS)")
	o.ClientSecret = os.Getenv("GATEMETER_OIDC_CLIENT_SECRET")
}

// terminalLogger logs for people on a terminal and as plain text elsewhere.
func terminalLogger(level slog.Level) *slog.Logger {
	if isatty.IsTerminal(os.Stderr.Fd()) {
		return slog.New(tint.NewTextHandler(os.Stderr, &tint.Options{Level: level}))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
