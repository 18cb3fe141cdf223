// Package spool keeps blocks of events in a directory until they are settled, so
// that neither a restart nor a long outage of the collector loses them.
//
// # The format, version 1
//
// The directory belongs to one process at a time, which holds an exclusive lock
// on the file "lock". Beside it are segments, files that are only appended to,
//
//	00000012-9c1f3a5e77d20b64.spool
//
// named by their number (decimal, growing) and their salt (16 hexadecimal
// digits, random). The salt goes into every checksum of headers: what the file
// system brings back of another file, or what an event contains, is never taken
// for a record. Other files are left alone. All numbers are little-endian; CRC is
// CRC-32C (Castagnoli), of the salt's 8 bytes and then of what is named.
//
// A segment begins with 16 bytes:
//
//	 0  8  magic "GMSPOOL\n"
//	 8  4  version, 1
//	12  4  CRC of bytes 0 to 11
//
// Then come records, each of a header of 40 bytes
//
//	 0  4  magic D3 'r' 'e' 'c'
//	 4  1  kind: 1 block, 2 note
//	 5  3  zero
//	 8  8  sequence number of the block, unique in the directory; the order of arrival
//	16  4  note: index of the first event that is settled; block: 0
//	20  4  block: events in it, at least 1; note: events that are settled
//	24  4  block: bytes of the gzip part; note: 0
//	28  4  block: bytes of the index part, at least one for each event; note: 0
//	32  4  block: CRC-32C of both parts, without the salt; note: 0
//	36  4  CRC of bytes 0 to 35
//
// and, for a block, its data: the gzip-compressed JSON array as it is pushed, and
// the index, which is the length in bytes of each event in the uncompressed
// array as unsigned varints (encoding/binary).
//
// A note says that events of a block were settled: acknowledged by the
// collector, or refused for good. It is in the block's segment or in a later one.
// A block may be there twice, if syncing its first copy failed: either is good.
//
// A segment is deleted when everything in it is settled and no older segment is
// there, because its notes may be about those. What is read is checked as a
// whole; what is not is skipped, up to the next good header of a record.
//
// Segments are synced when blocks leave memory for them, at the end, and about
// a second after a note: losing power loses at most the notes of that second, so
// that their events are sent again; the end of the process alone loses nothing
// that was written.
package spool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const (
	segmentMagic  = "GMSPOOL\n"
	version       = 1
	segmentHeader = 16 // bytes

	recordMagic  = "\xd3rec"
	recordHeader = 40 // bytes

	kindBlock = 1
	kindNote  = 2

	extension = ".spool"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// salted is the CRC of salt and then data.
func salted(salt uint64, data []byte) uint32 {
	seed := crc32.Checksum(binary.LittleEndian.AppendUint64(nil, salt), castagnoli)
	return crc32.Update(seed, castagnoli, data)
}

// header is that of a record.
type header struct {
	kind   byte
	seq    uint64
	from   uint32
	events uint32
	gzip   uint32 // bytes
	index  uint32 // bytes
	crc    uint32 // of the data
}

// size is the record's, header included, in bytes.
func (h *header) size() int64 { return recordHeader + int64(h.gzip) + int64(h.index) }

func (h *header) append(dst []byte, salt uint64) []byte {
	start := len(dst)
	dst = append(dst, recordMagic...)
	dst = append(dst, h.kind, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, h.seq)
	for _, n := range [...]uint32{h.from, h.events, h.gzip, h.index, h.crc} {
		dst = binary.LittleEndian.AppendUint32(dst, n)
	}
	return binary.LittleEndian.AppendUint32(dst, salted(salt, dst[start:]))
}

// parseHeader reads the first recordHeader bytes of b; ok is false unless they
// are the header of a record with this salt that makes sense.
func parseHeader(b []byte, salt uint64) (h header, ok bool) {
	if len(b) < recordHeader || string(b[:4]) != recordMagic {
		return header{}, false
	}
	if salted(salt, b[:recordHeader-4]) != binary.LittleEndian.Uint32(b[recordHeader-4:]) {
		return header{}, false
	}
	number := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	h = header{
		kind: b[4],
		seq:  binary.LittleEndian.Uint64(b[8:]),
		from: number(16), events: number(20), gzip: number(24), index: number(28), crc: number(32),
	}
	switch h.kind {
	case kindBlock:
		ok = h.events >= 1 && h.index >= h.events && h.from == 0
	case kindNote:
		ok = h.gzip == 0 && h.index == 0
	}
	return h, ok
}

func appendSegmentHeader(dst []byte, salt uint64) []byte {
	start := len(dst)
	dst = append(dst, segmentMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	return binary.LittleEndian.AppendUint32(dst, salted(salt, dst[start:]))
}

// parseSegmentHeader returns the version of a segment; ok is false when b is not
// the header of one.
func parseSegmentHeader(b []byte, salt uint64) (v uint32, ok bool) {
	const end = segmentHeader - 4
	if len(b) < segmentHeader || string(b[:8]) != segmentMagic ||
		salted(salt, b[:end]) != binary.LittleEndian.Uint32(b[end:]) {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b[8:]), true
}

func segmentName(number, salt uint64) string {
	return fmt.Sprintf("%08d-%016x%s", number, salt, extension)
}

// parseName takes a segment's name apart; ok is false for any other file's.
func parseName(name string) (number, salt uint64, ok bool) {
	left, right, _ := strings.Cut(strings.TrimSuffix(name, extension), "-")
	number, err := strconv.ParseUint(left, 10, 63)
	if err != nil {
		return 0, 0, false
	}
	salt, err = strconv.ParseUint(right, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	return number, salt, segmentName(number, salt) == name
}
