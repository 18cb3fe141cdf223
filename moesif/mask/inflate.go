package mask

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// mostCodings bounds how often a body may have been encoded.
const mostCodings = 3

var errUnknownCoding = errors.New("a content coding that cannot be decoded")

// maxWindow bounds, in bytes, what a decoder of zstd looks back on: what RFC 9659
// allows in a content coding.
const maxWindow = 8 << 20

var (
	gzips   = sync.Pool{New: func() any { return new(gzip.Reader) }}
	brotlis = sync.Pool{New: func() any { return new(brotli.Reader) }}
	flates  = sync.Pool{New: func() any { return flate.NewReader(nil) }}
	zlibs   = sync.Pool{} // a reader of zlib begins with a header
	zstds   = sync.Pool{New: func() any {
		// One at a time means that it works in Read, without goroutines.
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			panic(err) // the options are constants
		}
		return z
	}}
)

// codings returns the content codings of a Content-Encoding header, in the order
// they were applied.
func codings(header string) []string {
	var list []string
	for coding := range strings.SplitSeq(header, ",") {
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "" && coding != "identity" {
			list = append(list, coding)
		}
	}
	return list
}

// inflate appends the decoded form of body to dst, at most limit bytes of it,
// and reports whether it ends there although there is more. truncated says that
// body is the beginning of a longer one; an error is returned when body is not
// what its codings say.
func inflate(dst, body []byte, applied []string, limit int, truncated bool) ([]byte, bool, error) {
	if len(applied) > mostCodings {
		return dst, false, errUnknownCoding
	}
	var r io.Reader = bytes.NewReader(body)
	for i := len(applied) - 1; i >= 0; i-- {
		next, release, err := decoder(r, applied[i])
		if err != nil {
			cut, err := ended(err, truncated)
			return dst, cut, err
		}
		defer release()
		r = next
	}
	buf := bytes.NewBuffer(dst)
	_, err := buf.ReadFrom(io.LimitReader(r, int64(limit)+1))
	out := buf.Bytes()
	if len(out)-len(dst) > limit {
		return out[:len(dst)+limit], true, nil
	}
	cut, err := ended(err, truncated)
	return out, cut || truncated, err
}

// ended explains the error of a decoder: that of a body which was cut is a cut.
func ended(err error, truncated bool) (bool, error) {
	if truncated && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
		return true, nil
	}
	return false, err
}

// decoder returns a reader of what r holds in the given coding, and a function
// to call when it has been read.
func decoder(r io.Reader, coding string) (io.Reader, func(), error) {
	switch coding {
	case "gzip", "x-gzip":
		z := gzips.Get().(*gzip.Reader)
		if err := z.Reset(r); err != nil {
			return nil, nil, err
		}
		return z, func() { gzips.Put(z) }, nil
	case "br":
		z := brotlis.Get().(*brotli.Reader)
		if err := z.Reset(r); err != nil {
			return nil, nil, err
		}
		return z, func() { brotlis.Put(z) }, nil
	case "zstd":
		z := zstds.Get().(*zstd.Decoder)
		release := func() {
			if z.Reset(nil) == nil {
				zstds.Put(z)
			}
		}
		if err := z.Reset(r); err != nil {
			release()
			return nil, nil, err
		}
		return z, release, nil
	case "deflate":
		return deflated(r)
	}
	return nil, nil, errUnknownCoding
}

// deflated reads the coding "deflate": by RFC 9110 a zlib stream, but raw
// DEFLATE is sent under that name too.
func deflated(r io.Reader) (io.Reader, func(), error) {
	var head [2]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil {
		return nil, nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	const deflateMethod = 8
	if head[0]&0xf == deflateMethod && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlibReader(whole)
	}
	z := flates.Get().(io.Reader)
	if err := z.(flate.Resetter).Reset(whole, nil); err != nil {
		return nil, nil, err
	}
	return z, func() { flates.Put(z) }, nil
}

func zlibReader(r io.Reader) (io.Reader, func(), error) {
	z, ok := zlibs.Get().(io.Reader)
	var err error
	if ok {
		err = z.(zlib.Resetter).Reset(r, nil)
	} else {
		z, err = zlib.NewReader(r)
	}
	if err != nil {
		return nil, nil, err
	}
	return z, func() { zlibs.Put(z) }, nil
}

// Decode returns body without its content codings, which a Content-Encoding
// header names: at most limit bytes, and the beginning when body was cut. An
// error says that body is not what the header says.
func Decode(body []byte, contentEncoding string, limit int) ([]byte, error) {
	applied := codings(contentEncoding)
	if len(applied) == 0 || len(body) == 0 {
		return body[:min(len(body), limit)], nil
	}
	plain, _, err := inflate(nil, body, applied, limit, true)
	return plain, err
}
