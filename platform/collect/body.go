package collect

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/sync/semaphore"
)

const (
	// bodyBudget bounds what all requests have in memory at one time, in bytes:
	// their bodies, the decoders', and what is made of the items.
	bodyBudget = 256 << 20
	// maxRoom bounds what one request becomes in memory, here and where its items
	// are read again, in bytes: tiny items and headers take many times their size.
	maxRoom = 160 << 20
)

// errBusy says that too many bodies are in memory already.
var errBusy = refusal(http.StatusTooManyRequests, "too many large requests at once: send it again")

// room is the memory that one request takes of the budget.
type room struct {
	budget *semaphore.Weighted
	held   int64
}

func (m *room) take(n int64) error {
	if !m.budget.TryAcquire(n) {
		return errBusy
	}
	m.held += n
	return nil
}

func (m *room) give(n int64) {
	m.held -= n
	m.budget.Release(n)
}

// release gives everything back.
func (m *room) release() { m.give(m.held) }

// readBody returns the decoded body, which has at most limit bytes, in memory
// that is taken from m: who has it puts it back.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, m *room) (body []byte, err error) {
	list, err := packings(r.Header.Values("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	var windows int64
	for _, packing := range list {
		windows += window(packing)
	}
	if err := m.take(windows); err != nil {
		return nil, err
	}
	defer m.give(windows)
	hint := int64(sizes[0])
	if n := r.ContentLength; n > hint && n <= limit {
		hint = n + 1
	}
	src, err := unpack(http.MaxBytesReader(w, r.Body, limit), list, limit)
	if err == nil {
		defer src.Close()
		body, err = readBounded(src, hint, limit, m)
	}
	var tooLong *http.MaxBytesError
	var p *problem
	switch {
	case err == nil, errors.As(err, &p):
		return body, err
	case errors.As(err, &tooLong), errors.Is(err, errTooMuch):
		return nil, refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes, unpacked: send fewer items at once", limit))
	case errors.Is(err, io.EOF):
		return nil, refusal(http.StatusBadRequest, "the body cannot be read: it is empty, or shorter than Content-Encoding says")
	}
	return nil, refusal(http.StatusBadRequest, "the body cannot be read: "+err.Error())
}

// readBounded reads all of src, at most limit bytes, into a buffer that starts
// with hint bytes. It takes every byte of memory from m before it has it.
func readBounded(src io.Reader, hint, limit int64, m *room) ([]byte, error) {
	buf, err := m.get(hint)
	if err != nil {
		return nil, err
	}
	for {
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, errTooMuch
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		// One byte beyond the limit is enough to see that there is one.
		larger, err := m.get(min(2*int64(cap(buf)), limit+1))
		if err != nil {
			return nil, err
		}
		larger = append(larger, buf...)
		m.put(buf)
		buf = larger
	}
}
