package load

import (
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
)

// unreadable is the reason under which an entry is dropped that does not decode,
// though the collector has accepted it.
const unreadable = "unreadable"

// decode turns blocks of the journal into blocks of the store.
func (l *Loader) decode(blocks []journal.Block) []events.Block {
	read := make([]events.Block, len(blocks))
	var r journal.EventReader
	for i, b := range blocks {
		read[i] = events.Block{Seq: b.Seq, App: b.App, ReceivedAt: b.ReceivedAt, Events: make([]wire.Event, 0, len(b.Entries))}
		for k := range b.Entries {
			if err := add(&read[i], &b.Entries[k], &r); err != nil {
				if read[i].Dropped == nil {
					read[i].Dropped = map[string]int{}
					l.log.Error("an accepted item cannot be read and is dropped", "app", b.App, "block", b.Seq, "error", err)
				}
				read[i].Dropped[unreadable]++
			}
		}
	}
	return read
}

func add(b *events.Block, e *journal.Entry, r *journal.EventReader) error {
	if e.Kind == journal.Action {
		a, err := wire.DecodeAction(e.Data)
		if err == nil {
			b.Actions = append(b.Actions, a)
		}
		return err
	}
	n := len(b.Events)
	b.Events = append(b.Events, wire.Event{})
	err := r.Read(&b.Events[n], e.Data)
	if err != nil {
		b.Events = b.Events[:n]
	}
	return err
}

// whoWasSeen sums up, by application, who is in the blocks.
func whoWasSeen(blocks []events.Block) map[string][]Seen {
	all := map[string]sightings{}
	for i := range blocks {
		b := &blocks[i]
		s := all[b.App]
		if s == nil {
			s = sightings{}
			all[b.App] = s
		}
		for k := range b.Events {
			e := &b.Events[k]
			s.add(e.UserID, e.CompanyID, events.At(e.Request.Time, b.ReceivedAt))
		}
		for k := range b.Actions {
			a := &b.Actions[k]
			at := a.Request.Time
			if at.IsZero() {
				at = b.ReceivedAt
			}
			s.add(a.UserID, a.CompanyID, events.At(at, b.ReceivedAt))
		}
	}
	out := make(map[string][]Seen, len(all))
	for app, s := range all {
		for _, seen := range s {
			out[app] = append(out[app], seen.Seen)
		}
	}
	return out
}

// sightings are those of one application, by kind and id.
type sightings map[[2]string]*sighting

type sighting struct {
	Seen
	companyAt time.Time // of the call that named Company
}

func (s sightings) add(user, company string, at time.Time) {
	if company != "" {
		s.at(Company, company, at)
	}
	if user == "" {
		return
	}
	u := s.at(User, user, at)
	if company != "" && !at.Before(u.companyAt) {
		u.Company, u.companyAt = company, at
	}
}

func (s sightings) at(kind, id string, at time.Time) *sighting {
	v := s[[2]string{kind, id}]
	if v == nil {
		v = &sighting{Seen: Seen{Kind: kind, ID: id, First: at, Last: at}}
		s[[2]string{kind, id}] = v
	}
	if at.Before(v.First) {
		v.First = at
	}
	if at.After(v.Last) {
		v.Last = at
	}
	return v
}
