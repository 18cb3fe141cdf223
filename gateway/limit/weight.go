package limit

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// weight says how much a call was, by its answer: a header, or a number in a JSON
// object. What is absent, no whole number, or out of bounds counts as one.
type weight config.Weight

const (
	mostWeight   = 1 << 40
	longestAware = 1 << 20 // bytes of a body that is looked into, as it comes and unpacked
)

// of calls charge with what resp weighs, once: at once for a header, when the body has
// been read or closed for one in it.
func (w weight) of(resp *http.Response, charge func(n int64)) {
	if w.In == "header" {
		charge(weigh(first(resp.Header[w.Key])))
		return
	}
	packed := resp.Header.Get("Content-Encoding") == "gzip"
	body := &weighing{ReadCloser: resp.Body}
	body.done = sync.OnceFunc(func() { charge(w.in(body.kept.Bytes(), packed)) })
	resp.Body = body
}

// weighing keeps a copy of a body as it is read.
type weighing struct {
	io.ReadCloser
	kept bytes.Buffer // its beginning
	done func()
}

// Read implements io.Reader.
func (b *weighing) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if room := longestAware - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(n, room)])
	}
	if err != nil {
		b.done()
	}
	return n, err
}

// Close implements io.Closer.
func (b *weighing) Close() error {
	b.done()
	return b.ReadCloser.Close()
}

// in finds the number that stands at a dotted path of a JSON object.
func (w weight) in(body []byte, packed bool) int64 {
	if packed {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return 1
		}
		if body, err = io.ReadAll(io.LimitReader(unpacked, longestAware)); err != nil {
			return 1
		}
	}
	value := json.RawMessage(body)
	for name := range strings.SplitSeq(w.Key, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return 1
		}
		value = object[name]
	}
	return weigh(strings.Trim(string(value), `"`))
}

func weigh(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n > mostWeight {
		return 1
	}
	return n
}
