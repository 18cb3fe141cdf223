package journal

import "time"

// Kind says what an entry holds. Ids are remembered per application and kind.
type Kind uint8

// The kinds of entries.
const (
	Event Kind = iota
	Action
)

// Entry is one accepted item.
type Entry struct {
	Kind  Kind
	ID    string    // "" is never a duplicate
	Until time.Time // remember ID until then; zero: until the batch's ReceivedAt
	Data  []byte    // an event as AppendEvent writes it or in wire JSON, an action in wire JSON; read during Append only
}

// Batch is what one request brought. All of it is committed together, or none.
type Batch struct {
	App        string    // the application's internal id, 1 to 255 bytes
	ReceivedAt time.Time // the collector's clock; decides which ids are still remembered
	// Hash of the request's body; zero: none. A batch whose hash was seen in the
	// application within the last 24 hours is the same batch: all its entries
	// are duplicates.
	Hash     [32]byte
	Entries  []Entry
	Rejected map[string]int // items of the request that were refused, by reason
}

// Receipt says what became of a batch.
type Receipt struct {
	Seq        uint64 // the block that holds the batch's new entries; 0 when none was new
	Duplicates int    // entries that had been seen before
}

// Block is a batch's new entries, as they are read back.
type Block struct {
	Seq        uint64
	App        string
	ReceivedAt time.Time // UTC, microseconds
	Entries    []Entry   // Kind and Data; ID and Until are not kept with the block
}

// Counts are the journal's part of an application's books, in items.
// Received = Duplicate + Σ Rejected + what was put into blocks.
type Counts struct {
	Received  int64
	Duplicate int64
	Rejected  map[string]int64 // by reason
	InFlight  int64            // entries in blocks after the position asked for
}
