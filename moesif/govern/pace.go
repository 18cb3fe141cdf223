package govern

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	longestWait = 30 * time.Second // of a long poll
	pollEvery   = 30 * time.Second // a collector that does not wait
	askAgain    = 5 * time.Minute  // whether it waits now
	atOnce      = time.Second      // an answer sooner than that was not held back

	firstPause, lastPause = 200 * time.Millisecond, 30 * time.Second
)

// mode is how the collector is kept in step with.
type mode struct {
	waits  bool      // by long polls
	asked  time.Time // when it last answered whether it waits; zero is never
	steady bool      // the last step went well
	woken  bool      // the next step is because of a tag
}

// wait is what the next question asks for. Where documents are held, but not from
// a moment ago, the collector is to say at once whether they are good.
func (m *mode) wait(holding bool) time.Duration {
	switch {
	case !m.waits && !m.asked.IsZero() && time.Since(m.asked) < askAgain:
		return unasked
	case holding && !m.steady:
		return 0
	}
	return longestWait
}

// learn remembers whether the collector waits.
func (r *Rules) learn(waits bool) {
	if first := r.mode.asked.IsZero(); first || waits != r.mode.waits {
		word := "polls"
		if waits {
			word = "waits"
		}
		r.debug("moesif: how rules are kept in step", slog.String("mode", word))
	}
	r.mode.waits, r.mode.asked = waits, time.Now()
}

// rest is the time between two steps: most of it ends early when a tag comes that
// is new, but not before the least of it has passed. Without a most, tags have no say.
type rest struct{ least, most time.Duration }

func exactly(d time.Duration) rest { return rest{least: d} }

// trouble is what keeps the rules from being in step.
type trouble struct {
	failures int       // in a row; a question that could not be held back does not end them
	key      string    // of the problem that was logged, "" is none
	since    time.Time // when it was logged first
}

// pace slows down questions that follow each other at once because the collector
// has it so: tags that change for nothing, long polls that are not held back.
type pace struct {
	quick int // such questions lately
}

// few quick questions are all right: somebody edits rules. Where documents do
// change, the pause stays shorter than the second in which a change is to be in force.
const few, changing = 5, 2

// hurry counts one more, and returns the pause before the next.
func (p *pace) hurry(changed bool) time.Duration {
	p.quick++
	if changed {
		p.quick = min(p.quick, few+changing)
	}
	if p.quick <= few {
		return 0
	}
	return backOff(p.quick - few - 1)
}

// calm says that the collector had time.
func (p *pace) calm() { p.quick /= 2 }

// backOff is the pause after so many before it: doubling, half of it by chance.
func backOff(before int) time.Duration {
	pause := min(lastPause, firstPause<<min(before, 10))
	return pause/2 + rand.N(pause/2+1)
}

// about returns d, give or take a tenth: gateways that began together do not stay
// together.
func about(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }
