package config

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// block is one object of the file while it is read. Its methods give the value
// of a key in the type that is wanted, or the zero value when the key is absent,
// null or wrong; what is wrong becomes a problem. Every key asked for is a known
// one, so that close can tell the unknown ones.
type block struct {
	*findings
	path   string
	values map[string]any
	folded map[string]string // lower-case key → key as it is written
	known  []string
	// env gives the value that the environment sets for a key and the name of
	// the variable. Only the root of the file has it.
	env func(key string) (value, name string, ok bool)
}

func newBlock(f *findings, path string, values map[string]any) *block {
	b := &block{findings: f, path: path, values: values, folded: make(map[string]string, len(values))}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		lower := strings.ToLower(key)
		counts, taken := b.folded[lower]
		switch {
		case !taken:
			b.folded[lower] = key
		case key == lower: // the exact spelling wins
			b.folded[lower] = key
			b.warn(under(path, counts), "another spelling of %s, which counts", key)
		default:
			b.warn(under(path, key), "another spelling of %s, which counts", counts)
		}
	}
	if f.opened != nil {
		f.opened(b)
	}
	return b
}

// find looks a key up; case does not matter (KrakenD v3, 1.1).
func (b *block) find(key string) (v any, path string, ok bool) {
	b.known = append(b.known, key)
	written, ok := b.folded[strings.ToLower(key)]
	if !ok || b.values[written] == nil {
		return nil, under(b.path, key), false
	}
	return b.values[written], under(b.path, written), true
}

// scalar is find for the keys that an environment variable can replace.
func (b *block) scalar(key string) (v any, path string, ok bool) {
	v, path, ok = b.find(key)
	if b.env == nil {
		return v, path, ok
	}
	if value, name, set := b.env(key); set {
		return value, name, true
	}
	return v, path, ok
}

// at is the path of a key for a message, without a look at its value.
func (b *block) at(key string) string {
	_, path, _ := b.scalar(key)
	return path
}

func (b *block) text(key string) string {
	v, path, ok := b.scalar(key)
	if !ok {
		return ""
	}
	s, ok := asText(v)
	if !ok {
		b.problem(path, "must be text (got %s)", show(v))
	}
	return s
}

func (b *block) flag(key string) bool { return b.flagOr(key, false) }

func (b *block) flagOr(key string, absent bool) bool {
	v, path, ok := b.scalar(key)
	if !ok {
		return absent
	}
	is, ok := asBool(v)
	if !ok {
		b.problem(path, "must be true or false (got %s)", show(v))
	}
	return is
}

const most32 = 1<<31 - 1 // bound of the counts that have no other

// number reads a whole number from 0 to most.
func (b *block) number(key string, most int64) int {
	v, path, ok := b.scalar(key)
	if !ok {
		return 0
	}
	n, ok := asInt(v)
	if !ok || n < 0 || n > most {
		bounds := "of at least 0"
		if most < most32 {
			bounds = fmt.Sprintf("from 0 to %d", most)
		}
		b.problem(path, "must be a whole number %s (got %s)", bounds, show(v))
		return 0
	}
	return int(n)
}

// duration reads a duration, never negative.
func (b *block) duration(key string) time.Duration {
	v, path, ok := b.scalar(key)
	if !ok {
		return 0
	}
	d, bare, ok := asDuration(v)
	if !ok {
		b.problem(path, "must be a duration such as 300ms, 2s or 1h30m (got %s)", show(v))
		return 0
	}
	if d < 0 {
		b.problem(path, "must not be negative (got %s)", show(v))
		return 0
	}
	if bare && d != 0 {
		b.warn(path, "a number without a unit is read as nanoseconds (%v): write %q or %q", d, show(v)+"ms", show(v)+"s")
	}
	return d
}

// texts reads a list of texts; a single one stands for a list of one. It is nil
// when an element is wrong.
func (b *block) texts(key string) []string {
	v, path, ok := b.scalar(key)
	if !ok {
		return nil
	}
	list, several := v.([]any)
	if !several {
		s, ok := asText(v)
		if !ok {
			b.problem(path, "must be a list of texts (got %s)", show(v))
			return nil
		}
		return []string{s}
	}
	var out []string
	right := true
	for i, e := range list {
		s, ok := asText(e)
		if !ok {
			b.problem(item(path, i), "must be text (got %s)", show(e))
			right = false
		}
		out = append(out, s)
	}
	if !right {
		return nil
	}
	return out
}

// elementAt is the path of an element of what texts gave.
func (b *block) elementAt(key string, i int) string {
	v, path, _ := b.scalar(key)
	if _, several := v.([]any); several {
		return item(path, i)
	}
	return path
}

// pairs reads an object of texts.
func (b *block) pairs(key string) map[string]string {
	o := b.object(key)
	if o == nil || len(o.values) == 0 {
		return nil
	}
	out := make(map[string]string, len(o.values))
	for _, k := range slices.Sorted(maps.Keys(o.values)) {
		s, ok := asText(o.values[k])
		if !ok {
			b.problem(under(o.path, k), "must be text (got %s)", show(o.values[k]))
			continue
		}
		out[k] = s
	}
	return out
}

// object reads an object; nil when it is absent.
func (b *block) object(key string) *block {
	v, path, ok := b.find(key)
	if !ok {
		return nil
	}
	return b.objectAt(path, v)
}

// objectAt takes an empty list for an empty object: some languages write one
// that way, and KrakenD reads it.
func (b *block) objectAt(path string, v any) *block {
	if list, ok := v.([]any); ok && len(list) == 0 {
		return newBlock(b.findings, path, nil)
	}
	values, ok := v.(map[string]any)
	if !ok {
		b.problem(path, "must be an object (got %s)", show(v))
		return nil
	}
	return newBlock(b.findings, path, values)
}

// objects reads a list of objects; a single one stands for a list of one. What
// is wrong with an element turns up in its turn.
func (b *block) objects(key string) iter.Seq[*block] {
	v, path, ok := b.find(key)
	if !ok {
		return func(func(*block) bool) {}
	}
	list, several := v.([]any)
	return func(yield func(*block) bool) {
		if _, single := v.(map[string]any); single {
			list = []any{v}
		} else if !several {
			b.problem(path, "must be a list of objects (got %s)", show(v))
		}
		for i, e := range list {
			if o := b.objectAt(item(path, i), e); o != nil && !yield(o) {
				return
			}
		}
	}
}

// ignore makes keys known that change nothing here.
func (b *block) ignore(keys ...string) { b.known = append(b.known, keys...) }

// has tells whether a key is there and not null, without making it known.
func (b *block) has(key string) bool {
	written, ok := b.folded[strings.ToLower(key)]
	return ok && b.values[written] != nil
}

func (b *block) emptyList(key string) bool {
	v, _, _ := b.find(key)
	list, ok := v.([]any)
	return ok && len(list) == 0
}

// refuse makes a key known that this build must not drop in silence, since the
// file relies on what it does.
func (b *block) refuse(key, consequence string) {
	if v, path, ok := b.find(key); ok && !empty(v) {
		b.problem(path, "not supported yet: %s (remove it, or leave this to KrakenD)", consequence)
	}
}

// close warns of the keys that nobody asked for. advice holds what to say about
// some of them, by lower-case key, instead of a guess at the right spelling.
func (b *block) close(advice map[string]string) {
	known := make(map[string]bool, len(b.known))
	for _, k := range b.known {
		known[strings.ToLower(k)] = true
	}
	for _, key := range slices.Sorted(maps.Keys(b.values)) {
		lower := strings.ToLower(key)
		if known[lower] || isComment(key) {
			continue
		}
		hint := didYouMean(key, b.known)
		if a, ok := advice[lower]; ok {
			hint = " (" + a + ")"
		} else if _, ok := canonical(key); ok && strings.Contains(key, "/") {
			hint = " (it belongs into extra_config)"
		}
		b.warn(under(b.path, key), "unknown key, ignored%s", hint)
	}
}

// isComment tells the keys that are free for remarks; $schema is one.
func isComment(key string) bool { return key != "" && strings.ContainsRune("@$_#", rune(key[0])) }

// empty tells a value that asks for nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case bool:
		return !v
	case string:
		return v == "" || v == "false"
	}
	return false
}
