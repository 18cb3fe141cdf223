package load

import (
	"strings"
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

// whoWasSeen sums up, by application, who is in the blocks. It keeps nothing of
// what it was given.
func whoWasSeen(blocks []events.Block) map[string][]Seen {
	all := map[string]*sightings{}
	for i := range blocks {
		b := &blocks[i]
		s := all[b.App]
		if s == nil {
			s = &sightings{users: map[string]int{}, companies: map[string]int{}}
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
		if len(s.seen) > 0 {
			out[app] = s.seen
		}
	}
	return out
}

// sightings are those of one application.
type sightings struct {
	seen             []Seen
	companyAt        []time.Time    // of each in seen: of the call that named Company
	users, companies map[string]int // by id, the indexes in seen
}

func (s *sightings) add(user, company string, at time.Time) {
	if company != "" {
		company = s.seen[s.at(s.companies, Company, company, at)].ID // which is not a part of the event
	}
	if user == "" {
		return
	}
	i := s.at(s.users, User, user, at)
	if company != "" && !at.Before(s.companyAt[i]) {
		s.seen[i].Company, s.companyAt[i] = company, at
	}
}

// at takes a sighting of who has that id among known, and returns the index.
func (s *sightings) at(known map[string]int, kind, id string, at time.Time) int {
	i, found := known[id]
	if !found {
		id = strings.Clone(id) // it is part of all that its block says
		i = len(s.seen)
		known[id] = i
		s.seen = append(s.seen, Seen{Kind: kind, ID: id, First: at, Last: at})
		s.companyAt = append(s.companyAt, time.Time{})
		return i
	}
	v := &s.seen[i]
	if at.Before(v.First) {
		v.First = at
	}
	if at.After(v.Last) {
		v.Last = at
	}
	return i
}
