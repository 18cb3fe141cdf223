//go:build windows || plan9

package telemetry

import (
	"errors"
	"log/slog"
)

// newSystem fails: these systems have no such log.
func newSystem(_, _, _ string, _ newHandler) (slog.Handler, error) {
	return nil, errors.New("this system has no syslog")
}
