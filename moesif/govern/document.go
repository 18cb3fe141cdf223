package govern

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/scan"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// document is one of the collector's documents. It never changes.
type document[T any] struct {
	value T
	tags  tags   // that stand for it
	etag  string // of its content, "" for none
	sum   [sha256.Size]byte
	raw   packed // kept for the cache, nil without one
}

// pair is a configuration with the rules it refers to: only together are they of
// any use. Both are nil, or none.
type pair struct {
	config *document[*rule.Config]
	rules  *document[[]wire.Rule]
}

// marks are what tells the collector which document is held already.
func (d *document[T]) marks() []string {
	if d == nil {
		return nil
	}
	if d.etag == "" || d.tags.has(d.etag) {
		return d.tags
	}
	return append(slices.Clone(d.tags), d.etag)
}

// after is the document once the collector gave answer a, with this tag; it is d
// under one more tag if the content is the same.
func (d *document[T]) after(a answer, tag string, decode func([]byte) (T, error), keep bool) (next *document[T], changed bool, err error) {
	if d == nil || a.modified && d.sum != sha256.Sum256(a.body) {
		next, err = newDocument(a, tag, decode, keep)
		return next, err == nil, err
	}
	same := *d
	same.tags = d.tags.with(tag)
	if a.etag != "" {
		same.etag = a.etag
	}
	return &same, false, nil
}

// newDocument is the one that a holds; its bytes are kept if the cache needs them.
func newDocument[T any](a answer, tag string, decode func([]byte) (T, error), keep bool) (*document[T], error) {
	value, err := decode(a.body)
	if err != nil {
		return nil, err
	}
	d := &document[T]{value: value, tags: tags(nil).with(tag), etag: a.etag, sum: sha256.Sum256(a.body)}
	if keep {
		d.raw = pack(a.body)
	}
	return d, nil
}

// alone returns d with this tag only. The configuration's tag changes with the
// rules: those it had before stand for other rules.
func (d *document[T]) alone(tag string) *document[T] {
	only := *d
	only.tags = tags(nil).with(tag)
	return &only
}

// configFields are those of a configuration. An object that has others only, like
// {"error":…}, is something else.
var configFields = map[string]bool{
	"org_id": true, "app_id": true, "sample_rate": true, "block_bot_traffic": true, "user_sample_rate": true,
	"company_sample_rate": true, "user_rules": true, "company_rules": true, "ip_addresses_blocked_by_name": true,
	"regex_config": true, "billing_config_jsons": true,
}

func decodeConfig(data []byte) (*rule.Config, error) {
	c, err := rule.ReadConfig(data)
	if err == nil && !isConfig(data) {
		err = errors.New("config: an object without any field of a configuration")
	}
	return c, err
}

// packed is the bytes of a document, compressed: with 100,000 customers it has
// about 10 MiB, and is needed again only when the file of the cache is written.
type packed []byte

func pack(data []byte) packed { return bytes.Clone(s2.Encode(nil, data)) } // without room at the end

func (p packed) bytes() ([]byte, error) { return s2.Decode(nil, p) }

// isConfig reports whether the object that data holds is empty, or has a field of
// a configuration.
func isConfig(data []byte) bool {
	s := scan.New(data)
	_, err := s.Next()
	for first := true; err == nil; first = false {
		var t scan.Token
		if t, err = s.Next(); err != nil {
			break
		}
		if t.Kind == scan.EndObject {
			return first
		}
		if configFields[string(scan.AppendText(nil, s.Bytes(t)))] {
			return true
		}
		if t, err = s.Next(); err == nil {
			_, err = s.Rest(t)
		}
	}
	return false
}

// tags are the last few different ones, the latest first. They never change.
type tags []string

// remembered bounds tags, and longestTag each of them, in bytes.
const (
	remembered = 2
	longestTag = 256
)

func (s tags) has(tag string) bool { return slices.Contains(s, tag) }

// with returns s and one more; "" is none.
func (s tags) with(tag string) tags {
	if tag == "" || s.has(tag) {
		return s
	}
	return append(tags{tag}, s[:min(len(s), remembered-1)]...)
}

func (s tags) latest() string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// readTag reads a tag as a header has it: bare, quoted or weak (RFC 9110, 8.8.3).
// One that could not be sent back is none.
func readTag(header string) string {
	tag := strings.TrimPrefix(strings.TrimSpace(header), "W/")
	tag = strings.Trim(tag, `"`)
	odd := func(c rune) bool { return c <= ' ' || c == '"' || c == ',' || c >= 0x7f }
	if len(tag) > longestTag || strings.ContainsFunc(tag, odd) {
		return ""
	}
	return tag
}
