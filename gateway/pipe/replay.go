package pipe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/backend"
)

// maxReplayed bounds, in bytes, the body of a request that several calls need whole:
// it is held in memory until the last of them has it. A longer one is answered with
// 413; one that a single call takes is streamed, and has no bound.
const maxReplayed = 32 << 20

// errBodyTooLong says that a body is longer than maxReplayed.
var errBodyTooLong = errors.New("the request's body is too long for several backends")

// replayed is a body in memory, which any number of calls can read.
type replayed struct {
	bytes.Reader
	text []byte
}

func newReplayed(text []byte) *replayed {
	b := &replayed{text: text}
	b.Reset(text)
	return b
}

// Close implements io.Closer.
func (b *replayed) Close() error { return nil }

// hold reads the body of c, if there is one, so that again can repeat it. It ends with
// ctx, even when the client sends nothing.
func hold(ctx context.Context, w http.ResponseWriter, c *backend.Call) error {
	if c.Body == nil {
		return nil
	}
	if c.Length > maxReplayed {
		return errBodyTooLong
	}
	stop := context.AfterFunc(ctx, func() {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now()) // where there is a connection
	})
	defer stop()
	var room bytes.Buffer
	if c.Length > 0 {
		room.Grow(int(min(c.Length, 1<<20)) + bytes.MinRead)
	}
	n, err := room.ReadFrom(io.LimitReader(c.Body, maxReplayed+1))
	switch {
	case err != nil && context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case n > maxReplayed:
		return errBodyTooLong
	}
	if c.Trailer == nil {
		c.Length = n
		if n == 0 {
			c.Body = nil
			return nil
		}
	}
	c.Body = newReplayed(room.Bytes())
	return nil
}

// again is c for one more backend: nothing that either may change is shared. A body
// must have gone through hold.
func again(c *backend.Call) *backend.Call {
	next := *c
	next.Header = c.Header.Clone()
	next.Query = maps.Clone(c.Query)
	next.Trailer = c.Trailer.Clone()
	if body, ok := c.Body.(*replayed); ok {
		next.Body = newReplayed(body.text)
	}
	return &next
}

var _ io.ReadCloser = (*replayed)(nil)
