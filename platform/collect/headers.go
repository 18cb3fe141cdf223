package collect

import (
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
	if !hs.Repeat() {
		return nil
	}
	through := wire.Event{Request: wire.Request{Time: time.Unix(0, 0), URI: "/", Verb: "GET", Headers: *hs}}
	sent, err := wire.DecodeEvent(wire.AppendEvent(nil, &through))
	*hs = sent.Request.Headers
	return err
}
