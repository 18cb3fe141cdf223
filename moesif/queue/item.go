// Package queue holds events between their capture and their push: raw for a
// moment, then in sealed gzip blocks ready to be sent as they are, if need be on
// disk. It is bounded by a number of events and by bytes, and never blocks
// whoever puts.
package queue

// Item is an exchange that waits to become an event. Size is called by Put, the
// others off the request path; each at most once, by one goroutine at a time.
// Judge is called in the order of arrival, by one goroutine.
type Item interface {
	// Size is the number of bytes the item holds while it waits raw.
	Size() int
	// Judge says what becomes of the event.
	Judge() Verdict
	// AppendEvent appends the masked event in its wire form to dst.
	AppendEvent(dst []byte) []byte
}

// Verdict says what becomes of an event before it is encoded.
type Verdict uint8

// Verdicts.
const (
	Report Verdict = iota // encode it and send it
	Skip                  // not to be reported at all (should_skip)
	Sample                // left out by sampling: another event carries its weight
)
