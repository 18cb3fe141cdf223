package cache

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Transport answers from a store what it may, and asks next for the rest.
type Transport struct {
	store *Store
	next  http.RoundTripper
}

// New puts a store before next.
func New(store *Store, next http.RoundTripper) *Transport {
	return &Transport{store: store, next: next}
}

var _ http.RoundTripper = (*Transport)(nil)

// RoundTrip implements http.RoundTripper. Requests with conditions of their own,
// or for a range or another protocol, pass by the store.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return t.change(r)
	case conditional(r.Header) || r.Body != nil && r.Body != http.NoBody:
		return t.next.RoundTrip(r)
	}
	asked := control(r.Header)
	who := credentialOf(r.Header)
	key := keyOf(r)
	stored := t.store.find(key, r, who)
	if stored == nil {
		if asked.has("only-if-cached") {
			return unavailable(r), nil
		}
		return t.ask(r, key, who, asked)
	}
	now := time.Now()
	judged := stored.judge(asked, r.Header.Get("Pragma") == "no-cache", now)
	switch {
	case judged == fresh:
		return stored.answer(r, now), nil
	case asked.has("only-if-cached"):
		return unavailable(r), nil
	}
	return t.validate(r, stored, judged, who, asked)
}

// keyOf is the method and the address of r, and its Host where that is another.
func keyOf(r *http.Request) string { return r.Method + addressOf(r) }

func addressOf(r *http.Request) string { return " " + r.URL.String() + " " + r.Host }

// conditional reports whether a request brings conditions, or asks for a range or
// another protocol.
func conditional(h http.Header) bool {
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range", "Upgrade"} {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// change asks the backend to change something: what is stored for the address is
// wrong then (RFC 9111, 4.4).
func (t *Transport) change(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil || resp.StatusCode >= 400 {
		return resp, err
	}
	switch r.Method {
	case http.MethodOptions, http.MethodTrace, http.MethodConnect:
	default:
		address := addressOf(r)
		t.store.forget(http.MethodGet + address)
		t.store.forget(http.MethodHead + address)
	}
	return resp, nil
}

// ask asks the backend, and stores its answer once it has been read to its end.
func (t *Transport) ask(r *http.Request, key string, who credential, asked directives) (*http.Response, error) {
	began := time.Now()
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	t.keep(r, resp, key, who, asked, began)
	return resp, nil
}

// validate asks whether stored is still right (4.3).
func (t *Transport) validate(r *http.Request, stored *item, judged verdict, who credential, asked directives) (*http.Response, error) {
	tag, modified := stored.header.Get("ETag"), stored.header.Get("Last-Modified")
	question := r.WithContext(r.Context())
	question.Header = maps.Clone(r.Header)
	if tag != "" {
		question.Header["If-None-Match"] = []string{tag}
	}
	if modified != "" {
		question.Header["If-Modified-Since"] = []string{modified}
	}
	began := time.Now()
	resp, err := t.next.RoundTrip(question)
	now := time.Now()
	failed := err != nil || resp.StatusCode >= 500
	if failed && judged == stale && r.Context().Err() == nil && stored.excused(asked, now) {
		if err == nil {
			_ = resp.Body.Close() // nobody wants it
		}
		return stored.answer(r, now), nil
	}
	if err != nil {
		return nil, err
	}
	resp.Request = r
	if resp.StatusCode != http.StatusNotModified {
		t.keep(r, resp, stored.key, who, asked, began)
		return resp, nil
	}
	_ = resp.Body.Close() // there is none
	again := *stored
	again.header = refreshed(stored.header, resp.Header)
	again.asked, again.received = began, now
	if len(resp.Header["Date"]) == 0 {
		again.header["Date"] = dateOf(now)
	}
	if plan, ok := t.plan(r, again.status, again.header, who, asked); ok {
		again.who, again.vary, again.varied = plan.who, plan.vary, plan.varied
		t.store.put(&again, r)
	}
	return again.answer(r, now), nil
}

// refreshed is a stored header after a 304 (3.2).
func refreshed(stored, now http.Header) http.Header {
	h := maps.Clone(stored)
	delete(h, "Age") // of the stored answer
	for name, values := range now {
		switch name {
		case "Content-Length", "Content-Encoding", "Content-Type", "Content-Range", "Connection", "Transfer-Encoding", "Trailer", "Keep-Alive", "Upgrade":
		default:
			h[name] = values
		}
	}
	return h
}

// storable are the statuses that may be stored (RFC 9110, 15.1; no 206).
func storable(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// plan says whose an answer is and what it varies by; ok is false when it must not
// be stored (3).
func (t *Transport) plan(r *http.Request, status int, h http.Header, who credential, asked directives) (plan item, ok bool) {
	d := control(h)
	if !storable(status) || asked.has("no-store") || d.has("no-store") {
		return item{}, false
	}
	if lifetime(h, d) <= 0 && h.Get("ETag") == "" && h.Get("Last-Modified") == "" {
		return item{}, false // it could never be used
	}
	switch {
	case d.has("public"):
		who = nobody
	case len(h["Set-Cookie"]) > 0, d.has("private") && who == nobody:
		return item{}, false // it is somebody's, and nobody knows whose
	}
	names, ok := varies(h)
	if !ok {
		return item{}, false
	}
	plan = item{who: who, vary: names}
	for _, name := range names {
		plan.varied = append(plan.varied, joined(r.Header, name))
	}
	return plan, true
}

// keep stores resp, when it may be, as soon as its body has been read to its end.
func (t *Transport) keep(r *http.Request, resp *http.Response, key string, who credential, asked directives, began time.Time) {
	i, ok := t.plan(r, resp.StatusCode, resp.Header, who, asked)
	if !ok || resp.ContentLength > int64(t.store.largest()) || len(resp.Trailer) > 0 || endless(resp) {
		return
	}
	i.key, i.status, i.asked, i.received = key, resp.StatusCode, began, time.Now()
	i.header = maps.Clone(resp.Header)
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Trailer"} {
		delete(i.header, name)
	}
	if len(i.header["Date"]) == 0 {
		i.header["Date"] = dateOf(i.received)
	}
	if r.Method == http.MethodHead {
		t.store.put(&i, r)
		return
	}
	resp.Body = &recorder{ReadCloser: resp.Body, most: t.store.largest(), want: resp.ContentLength, done: func(body []byte) {
		i.body = body
		t.store.put(&i, r)
	}}
}

func dateOf(t time.Time) []string { return []string{t.UTC().Format(http.TimeFormat)} }

// endless reports whether only the end of the connection ends a body, so that one that
// was cut looks whole.
func endless(resp *http.Response) bool {
	return resp.ContentLength < 0 && resp.ProtoMajor == 1 && resp.Close && len(resp.TransferEncoding) == 0 && !resp.Uncompressed
}

// recorder copies a body while it is read, up to most bytes.
type recorder struct {
	io.ReadCloser
	copied bytes.Buffer
	most   int
	want   int64 // bytes; -1: unknown
	done   func([]byte)
}

// Read implements io.Reader.
func (b *recorder) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.done == nil {
		return n, err
	}
	if b.copied.Len()+n > b.most {
		b.done, b.copied = nil, bytes.Buffer{}
		return n, err
	}
	b.copied.Write(p[:n])
	if err == nil {
		return n, nil
	}
	if errors.Is(err, io.EOF) && (b.want < 0 || b.want == int64(b.copied.Len())) {
		b.done(bytes.Clone(b.copied.Bytes()))
	}
	b.done = nil
	return n, err
}

// answer gives i to r. X-From-Cache is what KrakenD's cache says.
func (i *item) answer(r *http.Request, now time.Time) *http.Response {
	h := maps.Clone(i.header)
	h["Age"] = []string{strconv.FormatInt(int64(max(0, i.age(now))/time.Second), 10)}
	h["X-From-Cache"] = []string{"1"}
	length := int64(len(i.body))
	if r.Method == http.MethodHead {
		length = -1
		if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil {
			length = n
		}
	}
	return newResponse(r, i.status, h, i.body, length)
}

// unavailable answers only-if-cached where nothing is (5.2.1.7).
func unavailable(r *http.Request) *http.Response {
	return newResponse(r, http.StatusGatewayTimeout, http.Header{}, nil, 0)
}

func newResponse(r *http.Request, status int, h http.Header, body []byte, length int64) *http.Response {
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: length, Request: r,
	}
}
