// Package queue holds events between their capture and their push: raw for a
// moment, then in sealed gzip blocks ready to be sent as they are. It is bounded
// by a number of events and by bytes, and never blocks whoever puts.
package queue

// Item is an exchange that waits to become an event. Size is called by Put, the
// others off the request path; each at most once, by one goroutine at a time.
type Item interface {
	// Size is the number of bytes the item holds while it waits raw.
	Size() int
	// Skip reports whether the event is not to be reported at all (should_skip).
	Skip() bool
	// AppendEvent appends the masked event in its wire form to dst.
	AppendEvent(dst []byte) []byte
}
