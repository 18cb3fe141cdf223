package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed carries.sql
var carriesFile string

var carryQueries = state.ParseQueries(carriesFile)

const (
	// maxCarries bounds the customers whose carry is in memory; all are on disk.
	maxCarries = 100_000
	// forgetCarries is after how long the carry of a customer is dropped who is not
	// seen any more: at most one weight is off.
	forgetCarries      = 40 * 24 * time.Hour
	forgetCarriesEvery = 24 * time.Hour
)

// Weights undoes what SDKs lose when they round: they report a call that stands
// for 100/rate calls with the weight floor(100/rate). Each event gets the exact
// number, its remainder carried to the customer's next event, so that the sum of
// a customer's weights is the number of its calls to within one weight (event.md,
// Sampling). Events of our own gateway and library are exact already.
//
// The carries are on disk before the events are, with what they were at positions to
// which a crash can take the store back: which of them counts is decided by the
// store's position, so that what is loaded again gets the same weights again.
type Weights struct {
	db       *state.DB
	sampling *rules.Sampling
	clock    func() time.Time

	// What follows is owned by the loader.
	carries map[carryKey]carry
	forgot  time.Time // when carries were last dropped
}

// NewWeights returns the weights of the applications in db.
func NewWeights(db *state.DB, clock func() time.Time) *Weights {
	return &Weights{db: db, sampling: rules.NewSampling(db), clock: clock, carries: map[carryKey]carry{}}
}

// carryKey is a hash of application, user, company and rate, so that an erased
// customer leaves no name here.
type carryKey [16]byte

// carry is what is left over, in hundredths of the rate, below the rate.
type carry struct {
	left int
	seq  uint64 // it counts at positions from here on
}

// Correct sets the weights of the events in blocks, which are about to be loaded
// into a store at the given position. It will not be called again for what the store
// has up to synced.
func (w *Weights) Correct(ctx context.Context, position, synced uint64, blocks []events.Block) error {
	rates := map[string]*rules.Rates{}
	changed := map[carryKey]carry{}
	for i := range blocks {
		b := &blocks[i]
		r, known := rates[b.App]
		if !known {
			var err error
			if r, err = w.sampling.Of(ctx, b.App); err != nil {
				return err
			}
			rates[b.App] = r
		}
		if r == nil {
			continue
		}
		for k := range b.Events {
			e := &b.Events[k]
			rate, ok := 0, false
			if !exact(e) {
				rate, ok = r.Rate(e)
			}
			if !ok || 100%rate == 0 {
				continue
			}
			key := keyOf(b.App, e.UserID, e.CompanyID, rate)
			c, err := w.take(ctx, key, changed, position)
			if err != nil {
				return err
			}
			sum := c.left + 100
			e.Weight = sum / rate
			changed[key] = carry{left: sum % rate, seq: blocks[len(blocks)-1].Seq}
		}
	}
	return w.save(ctx, synced, changed)
}

// exact reports whether the weight of an event is right as it was sent.
func exact(e *wire.Event) bool {
	if _, ours := e.Gatemeter(); ours {
		return true
	}
	return bytes.Contains(e.Metadata, []byte(`"opentelemetry":`)) // sampled by others
}

// take returns the carry to go on with, of the load that is being made or of those before.
func (w *Weights) take(ctx context.Context, key carryKey, changed map[carryKey]carry, position uint64) (carry, error) {
	if c, ok := changed[key]; ok {
		return c, nil
	}
	if c, ok := w.carries[key]; ok && c.seq <= position {
		return c, nil
	}
	var c carry
	at := int64(position) // counts blocks
	err := w.db.Reader().QueryRowContext(ctx, carryQueries.Get("carry"), key[:], at).Scan(&c.left)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return carry{}, fmt.Errorf("read weights: %w", err)
	}
	return c, nil
}

func (w *Weights) save(ctx context.Context, synced uint64, changed map[carryKey]carry) error {
	if len(changed) == 0 {
		return nil
	}
	now := w.clock()
	forget := now.Sub(w.forgot) > forgetCarriesEvery
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		if forget {
			if _, err := tx.ExecContext(ctx, carryQueries.Get("forget_carries"), now.Add(-forgetCarries).UnixMicro()); err != nil {
				return err
			}
		}
		for key, c := range changed {
			if _, err := tx.ExecContext(ctx, carryQueries.Get("save_carry"), key[:], int64(c.seq), c.left, now.UnixMicro()); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, carryQueries.Get("settle_carry"), key[:], int64(synced)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save weights: %w", err)
	}
	if forget {
		w.forgot = now
	}
	if len(w.carries)+len(changed) > maxCarries {
		clear(w.carries)
	}
	for key, c := range changed {
		w.carries[key] = c
	}
	return nil
}

func keyOf(app, user, company string, rate int) (key carryKey) {
	var b []byte
	for _, part := range []string{app, user, company} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(append(b, byte(rate)))
	copy(key[:], sum[:])
	return key
}
