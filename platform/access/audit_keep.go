package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// How long entries of the audit log are kept, in days.
const (
	DefaultAuditDays = 400
	MaxAuditDays     = 36_500
)

const (
	// auditSweepEvery is how often what is too old is deleted from the audit log.
	auditSweepEvery = time.Hour
	// auditStep is how many entries one transaction deletes at most.
	auditStep = 1000
)

// ErrAuditDays says that the audit log cannot be kept for so long, or so short.
var ErrAuditDays = errors.New("days that the audit log is kept")

func auditDays(days int) (int, error) {
	if days == 0 {
		return DefaultAuditDays, nil
	}
	if days < 1 || days > MaxAuditDays {
		return 0, fmt.Errorf("%w: must be 1 to %d (got %d)", ErrAuditDays, MaxAuditDays, days)
	}
	return days, nil
}

// AuditDays is for how many days an entry of the audit log is kept.
func (g *Gate) AuditDays() int { return g.keepAudit }

// SweepAudit deletes the entries of the audit log that are older than AuditDays, in
// steps between which changes go on, and returns how many those were. It ends
// with ctx.
func (g *Gate) SweepAudit(ctx context.Context) (gone int64, err error) {
	before := g.clock().Add(-time.Duration(g.keepAudit) * 24 * time.Hour).UnixMicro()
	for {
		var step int64
		err := g.db.Write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, queries.Get("set_audit_horizon"), before); err != nil {
				return err
			}
			result, err := tx.ExecContext(ctx, queries.Get("sweep_audit"), before, auditStep)
			if err != nil {
				return err
			}
			step, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return gone, fmt.Errorf("access: audit: %w", err)
		}
		gone += step
		if step < auditStep {
			return gone, nil
		}
	}
}

// KeepAudit sweeps the audit log now and once an hour, until ctx ends.
func (g *Gate) KeepAudit(ctx context.Context) {
	tick := time.NewTicker(auditSweepEvery)
	defer tick.Stop()
	for {
		gone, err := g.SweepAudit(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			g.log.Error("the audit log could not be swept and will be tried again", "error", err, "in", auditSweepEvery)
		case gone > 0:
			g.log.Info("deleted from the audit log what was too old", "entries", gone, "days", g.keepAudit)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
