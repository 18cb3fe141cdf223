package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
)

var errCorrupt = errors.New("does not decode")

// head is what is known of a block without opening it.
type head struct {
	receivedAt time.Time
	entries    uint32
	app        string
}

func appendHead(dst []byte, h head) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.receivedAt.UnixMicro())) // read back as int64
	dst = binary.BigEndian.AppendUint32(dst, h.entries)
	return append(dst, h.app...)
}

func decodeHead(b []byte) (head, error) {
	if len(b) < 12 {
		return head{}, fmt.Errorf("head of %d bytes: %w", len(b), errCorrupt)
	}
	return head{
		receivedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC(), // written from int64
		entries:    binary.BigEndian.Uint32(b[8:]),
		app:        string(b[12:]),
	}, nil
}

// maxBlock bounds a block in bytes, unpacked: what says that it is longer is not
// believed, nor memory taken for it.
const maxBlock = 1 << 30

// packedFrom is how many bytes entries take before they are compressed, at most.
func packedFrom(entries []Entry) (size int) {
	for i := range entries {
		size += len(entries[i].Data) + 1 + binary.MaxVarintLen32
	}
	return size
}

// scratch is memory for the entries of one block, unpacked and packed.
type scratch struct{ raw, packed []byte }

// scratches hold those that nobody uses, until the next collection of garbage.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxScratch is what is kept to be used again, in bytes of entries: blocks are rarely
// larger.
const maxScratch = 1 << 20

// encodeEntries packs the entries for which keep is true; all of them when keep is nil.
func encodeEntries(entries []Entry, keep []bool) []byte {
	s, _ := scratches.Get().(*scratch)
	s.raw = slices.Grow(s.raw[:0], packedFrom(entries))
	for i := range entries {
		if keep != nil && !keep[i] {
			continue
		}
		s.raw = append(s.raw, byte(entries[i].Kind))
		s.raw = binary.AppendUvarint(s.raw, uint64(len(entries[i].Data)))
		s.raw = append(s.raw, entries[i].Data...)
	}
	s.packed = slices.Grow(s.packed[:0], max(0, s2.MaxEncodedLen(len(s.raw))))
	packed := bytes.Clone(s2.Encode(s.packed[:cap(s.packed)], s.raw))
	if cap(s.raw) <= maxScratch {
		scratches.Put(s)
	}
	return packed
}

// decodeEntries unpacks n entries, which share one piece of memory.
func decodeEntries(b []byte, n uint32) ([]Entry, error) {
	size, err := s2.DecodedLen(b)
	if err == nil && size > maxBlock {
		return nil, fmt.Errorf("a block of %d bytes: %w", size, errCorrupt)
	}
	raw, err := s2.Decode(nil, b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if uint64(n) > uint64(len(raw)) {
		return nil, fmt.Errorf("%d entries in %d bytes: %w", n, len(raw), errCorrupt)
	}
	entries := make([]Entry, 0, n)
	for len(raw) > 0 {
		size, used := binary.Uvarint(raw[1:])
		if used <= 0 || size > uint64(len(raw)-1-used) {
			return nil, fmt.Errorf("entry %d: %w", len(entries), errCorrupt)
		}
		end := 1 + used + int(size) // at most len(raw)
		entries = append(entries, Entry{Kind: Kind(raw[0]), Data: raw[1+used : end : end]})
		raw = raw[end:]
	}
	if len(entries) != int(n) {
		return nil, fmt.Errorf("%d entries instead of %d: %w", len(entries), n, errCorrupt)
	}
	return entries, nil
}
