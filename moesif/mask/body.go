// Package mask decides what of a request or response may leave the house: it
// hides the values of named body fields, headers and query parameters, and keeps
// back what it cannot read.
package mask

import (
	"bytes"
	"encoding/base64"
	"strings"
	"sync"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// Body masks fields of bodies. It is immutable and safe for concurrent use; a nil
// *Body masks nothing.
type Body struct{ names *names }

// New compiles mask names. They match in any case: one without a dot matches a
// field at any depth, a dotted one a path from the top (lists in between do not
// count). It is nil when there is nothing to mask.
func New(list []string) *Body {
	n := newNames(list)
	if n.empty() {
		return nil
	}
	return &Body{names: n}
}

// Empty reports whether nothing is masked.
func (m *Body) Empty() bool { return m == nil || m.names.empty() }

// The values of an event's transfer_encoding.
const (
	encodingJSON   = "json"
	encodingBase64 = "base64"
)

// scratch is the memory that one Apply needs.
type scratch struct {
	walk   walk
	plain  []byte // the body, decoded
	masked []byte // the masked body, before base64
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// keptScratch bounds, in bytes, what a scratch may hold on to.
const keptScratch = 1 << 20

func (s *scratch) release() {
	if cap(s.plain)+cap(s.masked)+cap(s.walk.path)+cap(s.walk.text) <= keptScratch {
		scratches.Put(s)
	}
}

// Apply appends to dst the JSON value that stands for body in an event: body
// itself when it is JSON, otherwise its bytes in base64, as a JSON string. enc is
// the transfer_encoding that says which.
//
// contentType and contentEncoding are the headers' values; gzip, deflate,
// br and zstd are decoded first. At most limit decoded bytes are used. truncated says that
// body is the beginning of a longer one. cut reports that the body was longer
// than what is used of it.
//
// With masks, the values of masked fields in JSON, JSON lines, forms, XML and
// multipart forms become *****. What is of another kind, broken, or encoded in an
// unknown way is not sent: ok is false, and dst is returned as it was. Of JSON,
// JSON lines and forms the masked beginning is sent when there is no more; XML
// and multipart forms must be whole. Without masks, everything is sent but an
// empty body.
func (m *Body) Apply(dst, body []byte, contentType, contentEncoding string, limit int, truncated bool) (out []byte, enc string, cut, ok bool) {
	if len(body) == 0 || limit <= 0 {
		return dst, "", truncated || len(body) > 0, false
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	plain, cut, err := s.decode(body, contentEncoding, limit, truncated)
	if err != nil && !m.Empty() {
		return dst, "", cut, false
	}
	if len(plain) == 0 {
		return dst, "", cut, false
	}
	if m.Empty() {
		document := trim(plain)
		out, enc = appendValue(dst, plain, document, !cut && err == nil && embeddable(document))
		return out, enc, cut, true
	}
	shape := s.mask(m.names, plain, contentType, cut)
	if shape == unreadable || shape == beginning && !cut {
		return dst, "", cut, false
	}
	document := trim(s.masked)
	out, enc = appendValue(dst, s.masked, document, !cut && shape == oneDocument &&
		s.walk.traits&scan.Separators == 0 && portable(document, s.walk.traits))
	return out, enc, cut, true
}

// decode returns the body without its content codings. When they are not what
// the header says, it returns the body as it is, and the error.
func (s *scratch) decode(body []byte, contentEncoding string, limit int, truncated bool) ([]byte, bool, error) {
	var err error
	if applied := codings(contentEncoding); len(applied) > 0 {
		var cut bool
		s.plain, cut, err = inflate(s.plain[:0], body, applied, limit, truncated)
		if err == nil {
			return s.plain, cut, nil
		}
	}
	if len(body) > limit {
		return body[:limit], true, err
	}
	return body, truncated, err
}

// appendValue appends a body as a JSON value: the document in it as it is when
// that is said to be fine, else data as opaque bytes.
func appendValue(dst, data, document []byte, embed bool) ([]byte, string) {
	if embed {
		return append(dst, document...), encodingJSON
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"'), encodingBase64
}

// trim returns data without a byte order mark and without white space around it.
func trim(data []byte) []byte {
	return bytes.Trim(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
}

// kind is what a body is by its content type.
type kind uint8

const (
	kindOther kind = iota
	kindJSON       // JSON lines included
	kindForm
	kindXML
	kindMultipart
)

func kindOf(contentType string) kind {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch {
	case strings.Contains(media, "json"):
		return kindJSON
	case media == "application/x-www-form-urlencoded":
		return kindForm
	case media == "application/xml", media == "text/xml", strings.HasSuffix(media, "+xml"):
		return kindXML
	case media == "multipart/form-data":
		return kindMultipart
	}
	return kindOther
}

// shape is what masking found a body to be.
type shape uint8

const (
	unreadable  shape = iota // broken, nothing, or without fields: not to be sent
	oneDocument              // JSON
	otherText                // several JSON documents, or another kind
	beginning                // of something that was cut
)

// mask puts data, masked, into s.masked. Whatever its content type says, a body
// that is an object or array is JSON.
func (s *scratch) mask(n *names, data []byte, contentType string, cut bool) shape {
	k := kindOf(contentType)
	dst := s.masked[:0]
	var found shape
	if k == kindJSON || looksLikeJSON(data) && k != kindMultipart {
		s.masked, found = s.walk.json(dst, n, bytes.TrimPrefix(data, []byte("\ufeff")), k)
		return found
	}
	ok := false
	switch {
	case k == kindForm:
		s.masked, ok = s.walk.form(dst, n, data, cut)
	case k == kindXML && !cut:
		s.masked, ok = s.walk.xml(dst, n, data)
	case k == kindMultipart && !cut:
		s.masked, ok = s.walk.multipart(dst, n, data, contentType)
	}
	if !ok {
		return unreadable
	}
	return otherText
}
