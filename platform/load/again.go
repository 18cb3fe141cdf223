package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
)

// sayAgain tells who was in what the store has and the journal, too: a crash may have
// taken until when they were seen. It returns nil when ctx ends.
func (l *Loader) sayAgain(ctx context.Context) error {
	for after := uint64(0); after < l.position; {
		last, err := l.sayAgainAfter(ctx, after)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // to be stopped is no error
		case errors.Is(err, journal.ErrClosed):
			return err
		case err != nil:
			l.log.Error("who was seen before the start could not be told and will be tried again", "error", err, "in", maxBackOff)
			again := time.NewTimer(maxBackOff)
			select {
			case <-again.C:
			case <-ctx.Done():
				again.Stop()
				return nil
			}
		default:
			after = last
		}
	}
	return nil
}

// sayAgainAfter is one step of it; last is up to where it went.
func (l *Loader) sayAgainAfter(ctx context.Context, after uint64) (last uint64, err error) {
	blocks, err := l.journal.Read(after, events.LoadRows)
	if err != nil || len(blocks) == 0 {
		return l.position, err
	}
	last = blocks[len(blocks)-1].Seq
	read := slices.DeleteFunc(l.decode(blocks), func(b events.Block) bool { return b.Seq > l.position })
	for app, seen := range whoWasSeen(read) {
		if err := l.seen.SeenAgain(ctx, app, seen); err != nil {
			return after, fmt.Errorf("tell who was seen: %w", err)
		}
	}
	return last, ctx.Err()
}
