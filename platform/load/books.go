package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
)

// Balance is the books of one application, in items (events and actions):
// Received = Stored + Duplicate + Σ Rejected + Σ Dropped + InFlight.
type Balance struct {
	App       string
	Received  int64
	Stored    int64
	Duplicate int64
	Rejected  map[string]int64 // never nil
	Dropped   map[string]int64 // never nil
	InFlight  int64            // in the journal, not yet in the store
	// Deleted says what of Stored is not kept any more, by reason, and which bodies
	// and rollups are not. It is no part of the sum. Never nil.
	Deleted map[string]events.Deleted
}

// Books takes three readings that do not know of one another: the journal's
// counters, the rows in the store, and the entries in the journal behind the
// store's position. They are of one moment: what arrives after the store was
// read is counted as received and as in flight. In the order of the
// applications; one that has sent nothing is not in it.
func (l *Loader) Books(ctx context.Context) ([]Balance, error) {
	l.trimming.RLock()
	defer l.trimming.RUnlock()
	return Books(ctx, l.journal, l.store)
}

// Sum is what Received should be.
func (b *Balance) Sum() int64 {
	sum := b.Stored + b.Duplicate + b.InFlight
	for _, n := range b.Rejected {
		sum += n
	}
	for _, n := range b.Dropped {
		sum += n
	}
	return sum
}

// Books is Loader.Books where nothing is being loaded.
func Books(ctx context.Context, j *journal.Journal, s Store) ([]Balance, error) {
	stored, err := s.Books(ctx)
	if err != nil {
		return nil, fmt.Errorf("books: %w", err)
	}
	counts, err := j.Books(ctx, stored.Position)
	if err != nil {
		return nil, fmt.Errorf("books: %w", err)
	}
	byApp := map[string]*Balance{}
	balance := func(app string) *Balance {
		b := byApp[app]
		if b == nil {
			b = &Balance{App: app, Rejected: map[string]int64{}, Dropped: map[string]int64{}, Deleted: map[string]events.Deleted{}}
			byApp[app] = b
		}
		return b
	}
	for app, c := range counts {
		b := balance(app)
		b.Received, b.Duplicate, b.InFlight = c.Received, c.Duplicate, c.InFlight
		if c.Rejected != nil {
			b.Rejected = c.Rejected
		}
	}
	for app, n := range stored.Stored {
		balance(app).Stored = n
	}
	for app, reasons := range stored.Deleted {
		balance(app).Deleted = reasons
	}
	for app, reasons := range stored.Dropped {
		balance(app).Dropped = reasons
	}
	books := make([]Balance, 0, len(byApp))
	for _, b := range byApp {
		books = append(books, *b)
	}
	slices.SortFunc(books, func(a, b Balance) int { return cmp.Compare(a.App, b.App) })
	return books, nil
}
