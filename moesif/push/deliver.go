package push

import (
	"context"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

// Reasons of events that were rejected without being in a collector's list.
const (
	RejectedInvalid  = "invalid"   // 400 for the event alone, while others are taken
	RejectedTooLarge = "too_large" // 413 for the event alone
	RejectedDamaged  = "damaged"   // its block could not be opened
)

// worker delivers one block at a time.
//
// A 400 for a block is followed down to single events. If something was taken
// meanwhile, the events refused alone are at fault. If nothing was, the collector
// may be: a wrong URL or a firewall refuses everything. The block is a suspect
// then, kept until the collector takes anything else; refused again after that,
// it is at fault.
type worker struct {
	p        *Pusher
	turn     turn
	refusal  answer    // the latest 400
	suspects []suspect // oldest first
}

type suspect struct {
	block *queue.Block
	seen  int64 // Pusher.accepted when it was refused
}

// work delivers until the queue has ended or ctx has; then whatever is not
// settled is back in the queue.
func (w *worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		if len(w.suspects) > 0 {
			w.clear(ctx)
			continue
		}
		b, err := w.p.q.Take(ctx)
		if err != nil {
			break
		}
		w.deliver(ctx, b, unseen)
	}
	for _, s := range w.suspects {
		w.p.q.Return(s.block)
	}
}

// unseen stands for a block that was not refused yet.
const unseen = -1

// deliver sends b, and finds what the collector does not take in it: that is at
// fault if the collector has taken more than seen pushes.
func (w *worker) deliver(ctx context.Context, b *queue.Block, seen int64) {
	defer w.p.gate.leave(&w.turn)
	alone := w.try(ctx, b, &seen, nil)
	if len(alone) == 0 {
		return
	}
	if w.p.accepted.Load() > seen {
		for _, event := range alone {
			w.p.q.Done(event, map[string]int{RejectedInvalid: 1})
		}
		return
	}
	if len(alone) == b.Events() {
		alone = []*queue.Block{b} // rather ask for it whole again
	}
	suspected := len(w.suspects) > 0
	for _, s := range alone {
		w.suspects = append(w.suspects, suspect{s, seen})
	}
	if suspected { // this was the second opinion
		w.p.failed(&w.turn, w.refusal)
	}
}

// try sends b, and by halves what is refused or too large. It returns the events
// that were refused alone, added to alone, and sets seen at the first refusal.
func (w *worker) try(ctx context.Context, b *queue.Block, seen *int64, alone []*queue.Block) []*queue.Block {
	a, err := w.send(ctx, b)
	if err != nil {
		w.p.q.Return(b)
		return alone
	}
	if a.kind == refused && *seen == unseen {
		*seen = w.p.accepted.Load()
	}
	switch {
	case a.kind == accepted:
		w.p.q.Done(b, a.rejected)
		return alone
	case a.kind == damaged:
		w.p.q.Done(b, map[string]int{RejectedDamaged: b.Events()})
		return alone
	case a.kind == unread:
		w.p.q.Return(b)
		return alone
	case b.Events() == 1 && a.kind == tooLarge:
		w.p.q.Done(b, map[string]int{RejectedTooLarge: 1})
		return alone
	case b.Events() == 1:
		return append(alone, b)
	}
	first, second := b.Split()
	alone = w.try(ctx, first, seen, alone)
	return w.try(ctx, second, seen, alone)
}

// send posts b until the collector says something about b itself. It returns
// early with an error if ctx ends.
func (w *worker) send(ctx context.Context, b *queue.Block) (answer, error) {
	for {
		if err := w.p.gate.enter(ctx, &w.turn, fresh); err != nil {
			return answer{}, err
		}
		a := w.p.post(ctx, b)
		switch a.kind {
		case down, paused:
			if err := ctx.Err(); err != nil {
				return answer{}, err
			}
			w.p.failed(&w.turn, a)
			continue
		case accepted:
			w.p.taken(&w.turn)
		case refused:
			w.refusal = a
		}
		return a, nil
	}
}

// clear does the next thing that can clear the oldest suspect: asks again, if
// something was taken since. Otherwise, after the pause, another block is tried,
// or if there is none the suspect itself.
func (w *worker) clear(ctx context.Context) {
	defer w.p.gate.leave(&w.turn)
	if w.p.gate.enter(ctx, &w.turn, again) != nil {
		return
	}
	s := w.suspects[0]
	if w.p.accepted.Load() > s.seen {
		w.suspects = w.suspects[1:]
		w.deliver(ctx, s.block, s.seen)
		return
	}
	if b := w.p.q.TryTake(); b != nil {
		w.deliver(ctx, b, unseen)
		return
	}
	a, err := w.send(ctx, s.block)
	switch {
	case err != nil:
	case a.kind == refused:
		w.p.failed(&w.turn, a)
	case a.kind == accepted:
		w.suspects = w.suspects[1:]
		w.p.q.Done(s.block, a.rejected)
	default:
		w.suspects = w.suspects[1:]
		w.deliver(ctx, s.block, s.seen)
	}
}
