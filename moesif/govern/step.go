package govern

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// done is what came of a step.
type done struct {
	question question      // the one about the configuration
	held     time.Duration // how long its answer was held back
	took     time.Duration // the whole step
	changed  bool          // other documents are in force
}

// step asks for the configuration, and for the rules if they may have changed. It
// installs both, or neither.
func (r *Rules) step(ctx context.Context) (d done, err error) {
	began := time.Now()
	defer func() { d.took = time.Since(began) }()
	d.question = question{
		name:  "v1/config",
		url:   r.configURL,
		marks: r.held.config.marks(),
		wait:  r.mode.wait(r.held.config != nil),
	}
	a, err := r.ask(ctx, d.question)
	if err != nil {
		return d, err
	}
	d.held = a.held
	if d.question.wait != unasked {
		r.learn(a.waits)
	}
	r.note(a.configTag, a.rulesTag)

	keep := r.cache != nil
	config, newConfig, err := r.held.config.after(a, a.configTag, decodeConfig, keep)
	if err != nil {
		return d, unreadable(d.question, err)
	}
	rules, newRules := r.held.rules, false
	if rules == nil || !rules.tags.has(a.rulesTag) {
		q := question{name: "v1/rules", url: r.rulesURL, marks: rules.marks(), wait: unasked}
		b, err := r.ask(ctx, q)
		if err != nil {
			return d, err
		}
		if rules, newRules, err = rules.after(b, b.rulesTag, wire.DecodeRules, keep); err != nil {
			return d, unreadable(q, err)
		}
		r.note("", b.rulesTag)
		defer r.Saw(b.configTag, "") // there may have been a change since the first answer
	}
	if newRules && !newConfig {
		config = config.alone(a.configTag)
	}
	next := pair{config, rules}
	d.changed = newConfig || newRules
	if d.changed {
		r.install(next)
	} else {
		r.held = next
	}
	r.confirmed.Store(time.Now().UnixNano())
	return d, nil
}

func unreadable(q question, err error) error {
	return &problem{
		key: "unreadable " + q.name,
		why: fmt.Sprintf("the collector's answer to GET %s can not be read: %v", q.name, err),
	}
}

// maxFaults bounds the lines about what is wrong with a set of rules.
const maxFaults = 20

// install puts documents in force, and logs what of them is not.
func (r *Rules) install(p pair) {
	set := p.config.value.Compile(p.rules.value, r.o.Compile)
	r.held = p
	r.set.Store(set)
	users, companies := p.config.value.Customers()
	r.debug("moesif: rules are in force", slog.Int("rules", set.Rules()), slog.Int("users", users), slog.Int("companies", companies))
	before, told := r.faults, 0
	r.faults = set.Problems()
	for _, fault := range r.faults {
		if slices.Contains(before, fault) {
			continue
		}
		if told++; told > maxFaults {
			r.o.Logger.Warn("moesif: more rules are not in force", slog.Int("problems", len(r.faults)))
			return
		}
		r.o.Logger.Warn("moesif: a rule is not in force: "+fault.Reason, slog.String("rule", fault.RuleID))
	}
}

// settle logs what a step came to when that is news, and says how long to rest.
func (r *Rules) settle(d done, err error) rest {
	woken := r.mode.woken
	r.mode.woken, r.mode.steady = false, err == nil
	var p *problem
	switch {
	case errors.Is(err, errTag):
		r.mode.woken = true
		return rest{}
	case errors.As(err, &p):
		return exactly(r.failed(d, p))
	}
	r.recovered()
	if !r.mode.waits || d.question.wait > 0 {
		r.trouble.failures = 0 // of long polls there may be more: asking without a wait proves nothing
	}
	var pause time.Duration
	switch {
	case woken, r.mode.waits && d.question.wait > 0 && d.held < atOnce:
		pause = r.pace.hurry(d.changed)
		if pause > 0 && d.changed {
			pause = max(pause, d.took-d.held) // large documents that always change take half of the time at most
		}
	default:
		r.pace.calm()
	}
	if r.mode.waits {
		return exactly(pause)
	}
	return rest{least: pause, most: about(pollEvery)}
}

// failed logs a problem that is another one than before, and returns how long to
// leave the collector alone.
func (r *Rules) failed(d done, p *problem) time.Duration {
	t := &r.trouble
	if d.took >= timeout && d.question.long() {
		t.failures = 0 // long polls do not last; that is no reason to ask for fewer
	}
	pause := backOff(t.failures)
	t.failures++
	if p.key == t.key || p.fleeting && t.key == "" {
		return pause
	}
	if t.key == "" {
		t.since = time.Now()
	}
	t.key = p.key
	inForce := "the last good rules stay in force"
	if r.Set() == nil {
		inForce = "no rules are in force"
	}
	r.o.Logger.Warn("moesif: "+p.why+"; "+inForce, slog.Duration("next_try_in", pause.Round(time.Millisecond)))
	return pause
}

// recovered logs that the problem is over, if there was one.
func (r *Rules) recovered() {
	if r.trouble.key == "" {
		return
	}
	away := time.Since(r.trouble.since)
	r.trouble.key = ""
	r.o.Logger.Info("moesif: rules are kept in step again", slog.Duration("after", away.Round(time.Millisecond)))
}
