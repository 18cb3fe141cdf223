package collect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	// acceptedEncodings is what a body may be packed with, as an Accept-Encoding.
	acceptedEncodings = "gzip, deflate, br, zstd"
	// maxEncodings bounds how often a body may be packed.
	maxEncodings = 3
	// maxWindow is what a decoder may keep of what it has read, in bytes (RFC 8878
	// asks for 8 MiB, brotli has up to 16); the decoders of gzip keep 32 KiB.
	maxWindow   = 16 << 20
	smallWindow = 64 << 10
)

// errTooMuch says that a body has more decoded bytes than allowed.
var errTooMuch = errors.New("too many bytes")

// packings reads Content-Encoding headers: what the body was packed with, in the
// order in which that was done (RFC 9110, 8.4).
func packings(headers []string) ([]string, error) {
	var list []string
	for _, header := range headers {
		for name := range strings.SplitSeq(header, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name != "" && name != "identity" {
				list = append(list, strings.TrimPrefix(name, "x-"))
			}
		}
	}
	for _, name := range list {
		if name != "gzip" && name != "deflate" && name != "br" && name != "zstd" {
			return nil, refusal(http.StatusUnsupportedMediaType,
				fmt.Sprintf("Content-Encoding: must be gzip, deflate, br, zstd or identity, or several of them with commas (got %.40q)", name))
		}
	}
	if len(list) > maxEncodings {
		return nil, refusal(http.StatusUnsupportedMediaType,
			fmt.Sprintf("Content-Encoding: must name at most %d encodings (got %d)", maxEncodings, len(list)))
	}
	return list, nil
}

// window is how much memory the decoder of a packing may take, in bytes.
func window(packing string) int64 {
	if packing == "br" || packing == "zstd" {
		return maxWindow
	}
	return smallWindow
}

// unpacked undoes packings. Every layer has at most limit bytes, so that none can
// be made to go on for ever; errTooMuch says that one has more. Close ends it.
type unpacked struct {
	io.Reader
	closers []func()
}

func unpack(body io.Reader, packings []string, limit int64) (*unpacked, error) {
	u := &unpacked{Reader: body}
	for _, packing := range slices.Backward(packings) {
		layer, err := u.layer(packing)
		if err != nil {
			u.Close()
			return nil, fmt.Errorf("%s: %w", packing, err)
		}
		u.Reader = &bounded{layer, packing, limit}
	}
	return u, nil
}

// Close ends the decoders.
func (u *unpacked) Close() {
	for _, end := range u.closers {
		end()
	}
}

// layer undoes one packing. "deflate" is both zlib's format, as the RFC has it,
// and the raw one, which some clients send (Moesif wire, 0.6).
func (u *unpacked) layer(packing string) (io.Reader, error) {
	switch packing {
	case "gzip":
		return u.gunzip()
	case "br":
		return brotli.NewReader(u.Reader), nil
	case "zstd":
		z, err := zstd.NewReader(u.Reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow/2))
		if err == nil {
			u.closers = append(u.closers, z.Close)
		}
		return z, err
	}
	b := bufio.NewReader(u.Reader)
	head, err := b.Peek(2)
	if err != nil {
		return nil, err
	}
	// A zlib header names method 8 and is a multiple of 31 (RFC 1950).
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

// gunzips hold readers that nobody uses, until the next collection of garbage.
var gunzips sync.Pool

func (u *unpacked) gunzip() (io.Reader, error) {
	z, ok := gunzips.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	if err := z.Reset(u.Reader); err != nil {
		return nil, err
	}
	u.closers = append(u.closers, func() {
		if err := z.Reset(nothing{}); errors.Is(err, io.EOF) { // lets go of the body
			gunzips.Put(z)
		}
	})
	return z, nil
}

// nothing is an empty input.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

// bounded gives errTooMuch instead of more bytes than left.
type bounded struct {
	src  io.Reader
	name string // of the packing, for errors
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooMuch
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", b.name, err)
	}
	return n, err
}
