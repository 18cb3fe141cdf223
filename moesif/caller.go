package moesif

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"

	"github.com/gatemeter/gatemeter/moesif/identity"
)

// Caller is who made a call, as code knows it; "" is what it does not know. Code
// vouches for the ids it sets: they count as verified.
type Caller struct{ UserID, CompanyID, SessionToken string }

// Hooks tell the integration what only the program knows. Nil functions tell nothing.
type Hooks struct {
	// Identify names the caller of a request that has arrived, before rules are
	// looked at. What it leaves empty comes out of the request, as configured. It
	// is called once for each exchange, and for outgoing calls that were not made
	// for a captured request.
	Identify func(*http.Request) Caller
	// Metadata gives facts for the event's metadata, beside the configured ones
	// under krakend. It is called when the answer is complete. The keys krakend
	// and gatemeter are taken.
	Metadata func(*http.Request) map[string]any
}

// SetUser says who the user is, whatever the request claims. Rules see it when it
// is set before Govern.
func (x *Exchange) SetUser(id string) {
	x.note(func() { x.caller.UserID, x.known = id, false })
}

// SetCompany says which company calls, whatever the request claims. Rules see it
// when it is set before Govern.
func (x *Exchange) SetCompany(id string) {
	x.note(func() { x.caller.CompanyID, x.known = id, false })
}

// SetSession gives the token of the caller's session. It is sent as it is: give a
// name of the session rather than what opens it.
func (x *Exchange) SetSession(token string) {
	x.note(func() { x.caller.SessionToken = token })
}

// SetMetadata gives facts for the event's metadata, in place of those given
// before. The keys krakend and gatemeter are taken. The map is read at once; what
// has no JSON form is logged and left out.
func (x *Exchange) SetMetadata(facts map[string]any) {
	if x == nil {
		return
	}
	facts = maps.Clone(facts)
	delete(facts, "krakend")
	delete(facts, "gatemeter")
	text, err := json.Marshal(facts)
	if err != nil {
		x.in.logger.Warn("moesif: metadata that has no JSON form is left out", "error", err)
		return
	}
	text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("{")), []byte("}"))
	if facts == nil {
		text = nil
	}
	x.note(func() { x.metadata = text })
}

// ask calls Hooks.Identify if it was not yet. What was set by then stays.
func (x *Exchange) ask(r *http.Request) {
	hook := x.in.hooks.Identify
	if hook == nil {
		return
	}
	x.mu.Lock()
	asked := x.asked || x.sealed
	x.asked = true
	x.mu.Unlock()
	if asked {
		return
	}
	c := hook(r)
	x.note(func() {
		if x.caller.UserID == "" {
			x.caller.UserID = c.UserID
		}
		if x.caller.CompanyID == "" {
			x.caller.CompanyID = c.CompanyID
		}
		if x.caller.SessionToken == "" {
			x.caller.SessionToken = c.SessionToken
		}
		x.known = false
	})
}

// askAtTheEnd asks what was not asked yet, when the answer is complete.
func (x *Exchange) askAtTheEnd(r *http.Request) {
	x.ask(r)
	if hook := x.in.hooks.Metadata; hook != nil && x.metadata == nil {
		x.SetMetadata(hook(r))
	}
}

// identify finds the caller, once for all as long as nothing new is said. Who was
// refused as unauthenticated, or before that could be told, is nobody, whatever the
// source. The lock is held.
func (x *Exchange) identify() identity.Identity {
	if x.refused == Unauthenticated || x.nobody {
		return identity.Identity{}
	}
	if !x.known {
		x.who, x.known = x.find(), true
	}
	return x.who
}

func (x *Exchange) find() identity.Identity {
	user, company := x.caller.UserID, x.caller.CompanyID
	if user != "" && company != "" {
		return identity.Identity{UserID: user, CompanyID: company, Verified: true}
	}
	var who identity.Identity
	switch {
	case !x.outgoing:
		who = x.in.sources.Identify(x.identityRequest())
	case x.parent != nil:
		who = x.parent.current()
	}
	if user != "" {
		who.UserID = user
		who.Verified = who.CompanyID == "" || who.Verified
	}
	if company != "" {
		who.CompanyID = company
		who.Verified = who.UserID == "" || who.Verified
	}
	return who
}

// current is identify for whoever does not hold the lock.
func (x *Exchange) current() identity.Identity {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.identify()
}

func (x *Exchange) identityRequest() *identity.Request {
	return &identity.Request{Headers: x.header, RawQuery: x.query(), Claims: x.claims}
}

// clientIP is the address of the client, "" when nothing tells it. x is sealed,
// or its lock is held.
func (x *Exchange) clientIP() string {
	if x.ip == "" && !x.outgoing {
		x.ip = identity.ClientIP(x.header, x.remote, x.in.trusted)
	}
	return x.ip
}
