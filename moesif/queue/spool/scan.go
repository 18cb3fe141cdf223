package spool

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrDamaged says that a block cannot be read and never will be.
var ErrDamaged = errors.New("damaged")

// damage is what was not whole in a segment.
type damage struct {
	at    int64 // offset of the first of it
	bytes int64
}

func (d *damage) add(at, bytes int64) {
	if d.bytes == 0 {
		d.at = at
	}
	d.bytes += bytes
}

// visitor is told of every good header of a segment, in order. whole is false if
// the data behind it is not what it was.
type visitor func(h header, at int64, whole bool)

// errVersion says that a segment is whole, and not for this version.
type errVersion uint32

func (v errVersion) Error() string {
	return fmt.Sprintf("its format has version %d, this program knows version %d: start the newer program again, or move the file away", uint32(v), version)
}

// scan reads a segment of size bytes. It survives whatever stands there; an
// error is one of reading, or errVersion.
func scan(r io.ReaderAt, size int64, salt uint64, visit visitor) (d damage, err error) {
	buf := make([]byte, 64<<10)
	n, err := readAt(r, buf[:segmentHeader], 0, size)
	if err != nil {
		return d, err
	}
	at := int64(segmentHeader)
	switch v, ok := parseSegmentHeader(buf[:n], salt); {
	case !ok:
		if at, err = find(r, buf, 0, size, salt); err != nil {
			return d, err
		}
		d.add(0, at)
	case v != version:
		return d, errVersion(v)
	}
	for at < size {
		n, err := readAt(r, buf[:recordHeader], at, size)
		if err != nil {
			return d, err
		}
		h, ok := parseHeader(buf[:n], salt)
		whole := false
		if ok && at+h.size() <= size {
			crc, err := checksum(r, buf, at+recordHeader, h.size()-recordHeader)
			if err != nil {
				return d, err
			}
			whole = crc == h.crc
		}
		if ok {
			visit(h, at, whole)
		}
		if whole {
			at += h.size()
			continue
		}
		// Bytes may be missing, too: the length leads nowhere for certain.
		next, err := find(r, buf, at+1, size, salt)
		if err != nil {
			return d, err
		}
		d.add(at, next-at)
		at = next
	}
	return d, nil
}

// find is the offset, from at on, of the next good header of a record; size when
// there is none.
func find(r io.ReaderAt, buf []byte, at, size int64, salt uint64) (int64, error) {
	for at < size {
		n, err := readAt(r, buf, at, size)
		if err != nil {
			return at, err
		}
		part := buf[:n]
		for i := 0; ; i++ {
			next := bytes.Index(part[i:], []byte(recordMagic))
			if next < 0 {
				break
			}
			if i += next; i+recordHeader > n {
				break
			}
			if _, ok := parseHeader(part[i:], salt); ok {
				return at + int64(i), nil
			}
		}
		if at+int64(n) >= size {
			return size, nil
		}
		at += int64(n - recordHeader + 1) // one may begin in the last bytes
	}
	return size, nil
}

// readAt reads what there is of b, up to size. A file that ends before size is
// as if zeros followed.
func readAt(r io.ReaderAt, b []byte, at, size int64) (int, error) {
	b = b[:min(int64(len(b)), max(0, size-at))]
	n, err := r.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	clear(b[n:])
	return len(b), nil
}

// checksum is the CRC of length bytes from at on, read through buf.
func checksum(r io.ReaderAt, buf []byte, at, length int64) (crc uint32, err error) {
	for length > 0 {
		n, err := readAt(r, buf[:min(int64(len(buf)), length)], at, at+length)
		if err != nil {
			return 0, err
		}
		crc = crc32.Update(crc, castagnoli, buf[:n])
		at += int64(n)
		length -= int64(n)
	}
	return crc, nil
}

// read reads one record, and checks it.
func read(r io.ReaderAt, at, size int64, salt uint64) (data []byte, gzip int, err error) {
	b := make([]byte, size)
	if _, err := readAt(r, b, at, at+size); err != nil {
		return nil, 0, err
	}
	h, ok := parseHeader(b, salt)
	data = b[recordHeader:]
	if !ok || h.kind != kindBlock || h.size() != size || crc32.Checksum(data, castagnoli) != h.crc {
		return nil, 0, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	return data, int(h.gzip), nil
}
