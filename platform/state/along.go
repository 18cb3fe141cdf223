package state

import (
	"context"
	"database/sql"
	"sync/atomic"
)

type alongKey struct{}

// along is one more statement for a transaction.
type along struct {
	fn   func(ctx context.Context, tx *sql.Tx) error
	done atomic.Bool // it was committed
}

// Along returns a context whose first Write that succeeds also runs fn, in the same
// transaction: fn's rows are there exactly if what was written is. done reports
// whether that has happened. It is how a change and its entry in the audit log
// stay together.
func Along(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) (with context.Context, done func() bool) {
	a := &along{fn: fn}
	return context.WithValue(ctx, alongKey{}, a), a.done.Load
}

// alongside returns what has to be written besides with ctx; nil is nothing.
func alongside(ctx context.Context) *along {
	a, _ := ctx.Value(alongKey{}).(*along)
	if a == nil || a.done.Load() {
		return nil
	}
	return a
}
