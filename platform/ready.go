package platform

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatemeter/gatemeter/platform/journal"
)

var (
	errReplaying = errors.New("what was accepted before the start is being loaded")
	errNoSpace   = errors.New("the disk is almost full")
)

// unready says which part keeps the platform from taking and answering requests,
// and why; nil when none does.
func (p *Platform) unready(ctx context.Context) (part string, err error) {
	for _, one := range []struct {
		part string
		err  error
	}{{"journal", p.journal.Err()}, {"events", p.events.Ready()}, {"state", p.state.Ping(ctx)}, {"disk", p.space()}, {"backlog", p.journal.Ready()}, {"replay", p.replayed(ctx)}} {
		if one.err != nil {
			return one.part, one.err
		}
	}
	return "", nil
}

func (p *Platform) space() error {
	if free, ok := p.journal.Free(); ok && free < journal.Reserve {
		return fmt.Errorf("%w: %d MB are left", errNoSpace, free>>20)
	}
	return nil
}

// replayed is nil once what the journal held at the start is in the store: until
// then questions are answered without it.
func (p *Platform) replayed(ctx context.Context) error {
	if p.caughtUp.Load() {
		return nil
	}
	position, err := p.events.Position(ctx)
	if err != nil {
		return err
	}
	if position < p.replay {
		return fmt.Errorf("%w: %d of %d blocks are missing", errReplaying, p.replay-position, p.replay)
	}
	p.caughtUp.Store(true)
	return nil
}
