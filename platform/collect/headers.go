package collect

import (
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// joinHeaders gives the headers of e the form that they have on the wire: a name
// stands there once, in the spelling that comes first, its values joined with commas,
// except Set-Cookie's.
func joinHeaders(e *wire.Event) error {
	if err := join(&e.Request.Headers); err != nil || e.Response == nil {
		return err
	}
	return join(&e.Response.Headers)
}

func join(hs *wire.Headers) error {
	if !repeats(*hs) {
		return nil
	}
	through := wire.Event{Request: wire.Request{Time: time.Unix(0, 0), URI: "/", Verb: "GET", Headers: *hs}}
	sent, err := wire.DecodeEvent(wire.AppendEvent(nil, &through))
	*hs = sent.Request.Headers
	return err
}

// repeats reports whether a name may stand in hs more than once. It looks at
// letters of ASCII only.
func repeats(hs wire.Headers) bool {
	var seen [4]uint64 // a bit for each kind of name, so that most need not be compared
	for i := range hs {
		name := hs[i].Name
		if name == "" {
			return true
		}
		kind := byte(len(name))*31 + (name[0]|0x20)*7 + (name[len(name)-1]|0x20)*13
		bit := uint64(1) << (kind % 64)
		if seen[kind/64]&bit == 0 {
			seen[kind/64] |= bit
			continue
		}
		for j := range i {
			if strings.EqualFold(hs[j].Name, name) {
				return true
			}
		}
	}
	return false
}
