package backend

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// Answer is a decoded response.
type Answer struct {
	Data   map[string]any   // nil for a JSON null
	Failed bool             // Data tells of an error instead (return_error_details)
	Raw    []byte           // not nil: stands for Data, a JSON object that is not empty; until Release
	buffer *bytes.Buffer    // of Raw
	body   io.LimitedReader // what buffer is filled from

	ResponseStatus int         // of an answer that no-op does not decode, else 0
	ResponseHeader http.Header // the same

	Text    string // the body that no-op does not decode, see KeepText
	HasText bool

	// What a script says to the client beside the data; it does not outlast a merge.
	Status int         // 0: 200
	Header http.Header // nil: nothing
}

// Release gives the memory of Raw back.
func (a *Answer) Release() {
	if a.buffer != nil && a.buffer.Cap() <= maxPooled {
		bodies.Put(a.buffer)
	}
	a.buffer, a.Raw = nil, nil
}

// NewRaw makes an answer of the JSON object that write puts into a buffer. It is nil
// when write reports that it could not; {} becomes Data.
func NewRaw(write func(out *bytes.Buffer) bool) *Answer {
	a := &Answer{buffer: bodies.Get().(*bytes.Buffer)}
	a.buffer.Reset()
	ok := write(a.buffer)
	switch a.Raw = a.buffer.Bytes(); {
	case !ok:
		a.Release()
		return nil
	case string(a.Raw) == "{}":
		a.Release()
		a.Data = map[string]any{}
	}
	return a
}

// Decode makes Data of Raw, when that is what there is.
func (a *Answer) Decode() error {
	if a.Raw == nil {
		return nil
	}
	data, err := decodeObject(a.Raw)
	a.Release()
	a.Data = data
	return err
}

// KeepRaw makes Fetch return JSON objects as they came, for whoever hands them on
// unchanged or cuts them. To be called before the first Fetch.
func (b *Backend) KeepRaw() { b.raw = true }

// KeepText makes Fetch of a no-op backend return the body, up to 1 MiB, as text. To be
// called before the first Fetch.
func (b *Backend) KeepText() { b.text = true }

// decoder makes data of a whole body. A nil decoder takes any answer, whatever its
// status, and leaves the body unread.
type decoder func(body []byte) (map[string]any, error)

// newDecoder knows the encodings of this build. An unknown one decodes as json, as
// in KrakenD.
func newDecoder(encoding string, isCollection bool) decoder {
	switch strings.ToLower(encoding) {
	case "no-op":
		return nil
	case "string":
		return decodeString
	case "safejson":
		return decodeSafe
	case "xml":
		return newXMLDecoder(isCollection)
	case "rss":
		return decodeRSS
	case "yaml":
		return newYAMLDecoder(isCollection)
	}
	if isCollection {
		return decodeCollection
	}
	return decodeObject
}

// bodies are buffers for whole bodies; one that grew past maxPooled is let go.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxPooled = 1 << 20

// maxBody is how many bytes a body that is decoded may have, unzipped, where
// backend/http/client.max_response_size does not say it. An object of that size is
// ten times as large in memory: more of them at a time end the process anyway, while
// answers that people shape and merge are far below.
const maxBody = 128 << 20

// maxText bounds, in bytes, what KeepText keeps.
const maxText = 1 << 20

// Fetch sends the call and decodes the answer. The errors are those of Do, of
// reading and decoding, *StatusError and *AnswerError.
func (b *Backend) Fetch(ctx context.Context, c *Call) (*Answer, error) {
	resp, err := b.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	answer, err := b.read(resp, resp.Body)
	b.release(resp)
	if ended := context.Cause(ctx); err != nil && ended != nil {
		err = ended
	}
	return answer, err
}

// maxDrained is how much, in bytes, is read of a body that nobody wants, so that its
// connection can be used again.
const maxDrained = 64 << 10

// release closes the response. A body of unknown length may be an endless stream
// where nothing decodes it.
func (b *Backend) release(resp *http.Response) {
	if resp.ContentLength <= maxDrained && (resp.ContentLength >= 0 || b.decode != nil) {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrained) // else the connection is closed
	}
	_ = resp.Body.Close() // the answer is decoded, or has failed already
}

func (b *Backend) read(resp *http.Response, body io.Reader) (*Answer, error) {
	if b.decode == nil {
		answer := &Answer{Data: map[string]any{}, ResponseStatus: resp.StatusCode, ResponseHeader: resp.Header, HasText: b.text}
		if !b.text {
			return answer, nil
		}
		text, err := io.ReadAll(io.LimitReader(body, maxText))
		if err != nil {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
		answer.Text = string(text)
		return answer, nil
	}
	if resp.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("gzip body: %w", err)
		}
		body = unzipped
	}
	if answer, err := b.status.apply(resp, body); answer != nil || err != nil {
		return answer, err
	}
	answer := &Answer{buffer: bodies.Get().(*bytes.Buffer)}
	answer.buffer.Reset()
	if err := answer.fill(resp.ContentLength, body, b.most); err != nil {
		answer.Release()
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	if b.raw && answer.keep(b.collection) {
		return answer, nil
	}
	data, err := b.decode(answer.buffer.Bytes())
	answer.Release()
	if err != nil {
		return nil, err
	}
	answer.Data = data
	return answer, nil
}

// fill reads body, announced to have so many bytes as they are sent (-1: unknown), into
// the buffer.
func (a *Answer) fill(announced int64, body io.Reader, most int64) error {
	if announced > most {
		return &lengthError{most}
	}
	a.body = io.LimitedReader{R: body, N: most + 1}
	n, err := a.buffer.ReadFrom(&a.body)
	a.body.R = nil
	if err == nil && n > most {
		err = &lengthError{most}
	}
	return err
}

// lengthError says that a body has more than so many bytes.
type lengthError struct{ most int64 }

// Error implements error.
func (e *lengthError) Error() string {
	return fmt.Sprintf("it is longer than %d bytes (backend/http/client.max_response_size allows more)", e.most)
}

// keep makes Raw of the buffer when it holds one JSON object that is not empty, or the
// array of a collection, and would encode to itself, space and the order of keys aside.
func (a *Answer) keep(isCollection bool) bool {
	body := bytes.TrimSpace(a.buffer.Bytes())
	begin := byte('{')
	if isCollection {
		begin = '['
	}
	if len(body) < 2 || body[0] != begin || !isCollection && len(bytes.TrimSpace(body[1:len(body)-1])) == 0 {
		return false
	}
	if !utf8.Valid(body) || !scan.Valid(body) {
		return false
	}
	special := isEscaped(body)
	if !special && !isCollection {
		a.Raw = body
		return true
	}
	out := bodies.Get().(*bytes.Buffer)
	out.Reset()
	if isCollection {
		out.WriteString(`{"collection":`)
	}
	if special {
		json.HTMLEscape(out, body) // as the encoder does
	} else {
		out.Write(body)
	}
	if isCollection {
		out.WriteByte('}')
	}
	a.Release()
	a.buffer, a.Raw = out, out.Bytes()
	return true
}

// isEscaped reports whether body has characters that encoding/json writes as escapes.
// Each is looked for by itself, which the processor does many bytes at a time:
// bytes.ContainsAny takes more than the scanner does.
func isEscaped(body []byte) bool {
	for _, c := range [...]byte{'<', '>', '&'} {
		if bytes.IndexByte(body, c) >= 0 {
			return true
		}
	}
	return bytes.Contains(body, []byte("\u2028")) || bytes.Contains(body, []byte("\u2029"))
}

func decodeString(body []byte) (map[string]any, error) {
	return map[string]any{"content": string(body)}, nil
}

func decodeObject(body []byte) (map[string]any, error) {
	var data map[string]any
	err := decodeJSON(body, &data)
	return data, err
}

func decodeCollection(body []byte) (map[string]any, error) {
	var collection []any
	if err := decodeJSON(body, &collection); err != nil {
		return nil, err
	}
	return map[string]any{"collection": collection}, nil
}

func decodeSafe(body []byte) (map[string]any, error) {
	var value any
	if err := decodeJSON(body, &value); err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case map[string]any:
		return v, nil
	case []any:
		return map[string]any{"collection": v}, nil
	}
	return map[string]any{"content": value}, nil
}

// decodeJSON reads the first value of body and keeps numbers as they are written.
func decodeJSON(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decoding JSON: %w", err)
	}
	return nil
}
