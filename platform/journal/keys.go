package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// The keys of the journal. Numbers are big endian, so that keys sort like them.
//
//	h seq                        head of a block: received at, entries, application
//	b seq                        entries of a block, compressed
//	i epoch kind app id          a remembered id: until when
//	c app counter                a counter of the books
//	m name                       the last sequence number
const (
	headPrefix    = 'h'
	blockPrefix   = 'b'
	idPrefix      = 'i'
	counterPrefix = 'c'
	metaPrefix    = 'm'
)

// batchKind is the kind under which the hashes of whole batches are remembered.
const batchKind Kind = 0xff

// Ids are kept by epochs of their last day, so that a whole epoch is forgotten
// with one range delete. An id may be in any epoch between now and the longest
// memory, and each of them has to be asked: few and long epochs keep that cheap,
// at the price of keeping an id up to one epoch too long.
const (
	epoch     = 8 * 24 * time.Hour
	maxMemory = 40 * 24 * time.Hour
)

func epochOf(t time.Time) uint32 {
	return uint32(max(0, t.UnixMicro()) / epoch.Microseconds()) // 2^32 epochs are 94 million years
}

var lastSeqKey = []byte{metaPrefix, 's'}

func seqKey(prefix byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, seq)
}

// id is an id of any length in a fixed one: the 16 bytes of a UUID, in the order
// that keeps version 7 together on disk, or the beginning of a hash.
type id struct {
	kind  Kind
	bytes [16]byte
}

func newID(kind Kind, s string) id {
	d := id{kind: kind << 1}
	if parseUUID(&d.bytes, s) {
		return d
	}
	d.kind |= 1
	sum := sha256.Sum256([]byte(s))
	copy(d.bytes[:], sum[:])
	return d
}

func newBatchID(hash [32]byte) id {
	d := id{kind: batchKind}
	copy(d.bytes[:], hash[:])
	return d
}

// parseUUID reads the usual form of 36 characters, in any case.
func parseUUID(dst *[16]byte, s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	var digits [32]byte
	n := copy(digits[:], s[:8])
	n += copy(digits[n:], s[9:13])
	n += copy(digits[n:], s[14:18])
	n += copy(digits[n:], s[19:23])
	copy(digits[n:], s[24:])
	_, err := hex.Decode(dst[:], digits[:])
	return err == nil
}

func appendIDKey(dst []byte, epoch uint32, app string, d id) []byte {
	dst = append(dst, idPrefix)
	dst = binary.BigEndian.AppendUint32(dst, epoch)
	dst = append(dst, byte(d.kind))
	dst = appendApp(dst, app)
	return append(dst, d.bytes[:]...)
}

// inEpoch makes the key of an id that of the same id in another epoch.
func inEpoch(key []byte, epoch uint32) []byte {
	binary.BigEndian.PutUint32(key[1:], epoch)
	return key
}

// epochKeyLen is where the kind begins in the key of an id.
const epochKeyLen = 5

func epochKey(epoch uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{idPrefix}, epoch)
}

func appendApp(dst []byte, app string) []byte {
	return append(append(dst, byte(len(app))), app...)
}

func cutApp(b []byte) (app string, rest []byte, ok bool) {
	if len(b) == 0 || len(b)-1 < int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}

// The counters of an application; a rejection's reason follows its letter.
const (
	receivedCounter  = 'r'
	duplicateCounter = 'd'
	rejectedCounter  = 'j'
)

func counterKey(app string, counter byte, reason string) []byte {
	k := appendApp([]byte{counterPrefix}, app)
	return append(append(k, counter), reason...)
}
