package queue

// Block is a run of events, encoded as one JSON array and compressed with gzip:
// the body of a push as it is. It belongs to whoever took it until Done, Return
// or Split.
type Block struct {
	events int
	seq    uint64  // place in the line
	from   int     // index of the first event in sealed
	sealed *sealed // shared with the other parts of a block that was split
	ready  bool    // sealed; under Queue.mu
	next   *Block  // in the line; under Queue.mu
}

// sealed is what a worker makes of a group. data and ends never change.
type sealed struct {
	data   []byte
	ends   []uint32 // where each event ends in the uncompressed array
	bytes  int64    // charged for it
	events int      // not out yet; under Queue.mu
}

// blockOverhead is charged per block beside its data: Block, sealed, and what
// the allocator rounds up.
const blockOverhead = 192

// Events is the number of events in the block, at least 1.
func (b *Block) Events() int { return b.events }

// Data is the gzip-compressed JSON array. It must not be changed. Half of a
// block that was split is compressed anew by each call; only that can fail, with
// an error if the sealed bytes are damaged.
func (b *Block) Data() ([]byte, error) {
	if b.events == len(b.sealed.ends) {
		return b.sealed.data, nil
	}
	return part(b.sealed.data, b.sealed.ends, b.from, b.from+b.events)
}

// Split divides a block of two events or more in halves, the earlier events
// first. Either b or both halves are then to be settled or returned. It takes no
// memory: the halves share what b holds until the last event of it is settled.
func (b *Block) Split() (first, second *Block) {
	half := b.events / 2
	first = &Block{events: half, seq: b.seq, from: b.from, sealed: b.sealed, ready: true}
	second = &Block{events: b.events - half, seq: b.seq, from: b.from + half, sealed: b.sealed, ready: true}
	return first, second
}

// before is the order of arrival.
func (b *Block) before(c *Block) bool {
	return b.seq < c.seq || b.seq == c.seq && b.from < c.from
}
