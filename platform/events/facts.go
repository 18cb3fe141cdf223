package events

import (
	"bytes"
	"encoding/json"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	maxFacts     = 1000
	maxFactBytes = 1 << 10 // of metadata that is remembered
)

// facts reads metadata.gatemeter, and remembers what it read: gateways send few
// different ones, again and again.
type facts struct {
	known map[string]fact // by the whole metadata; at most maxFacts
}

type fact struct {
	about wire.Gatemeter
	ours  bool
}

// of is e.Gatemeter(), with texts that are UTF-8. The caller must not change Cut.
func (f *facts) of(e *wire.Event) (wire.Gatemeter, bool) {
	if !bytes.Contains(e.Metadata, []byte("gatemeter")) {
		return wire.Gatemeter{}, false
	}
	if len(e.Metadata) > maxFactBytes {
		return readFacts(e)
	}
	if v, ok := f.known[string(e.Metadata)]; ok {
		return v.about, v.ours
	}
	if f.known == nil || len(f.known) >= maxFacts {
		f.known = make(map[string]fact)
	}
	var v fact
	metadata := string(e.Metadata) // without the buffer that it is part of
	own := wire.Event{Metadata: json.RawMessage(metadata)}
	v.about, v.ours = readFacts(&own)
	f.known[metadata] = v
	return v.about, v.ours
}

func readFacts(e *wire.Event) (about wire.Gatemeter, ours bool) {
	about, ours = e.Gatemeter()
	about.Route, about.Refused, about.Identity = text(about.Route), text(about.Refused), text(about.Identity)
	return about, ours
}
