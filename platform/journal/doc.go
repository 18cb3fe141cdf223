// Package journal is the platform's durable log of what was accepted, and its
// memory of which ids have been seen.
//
// Append returns once the batch, the ids that make a second arrival a
// duplicate, and the counters of the books are in one synced commit. Blocks are
// read in the order of their sequence numbers and trimmed once they are in the
// event store.
package journal
