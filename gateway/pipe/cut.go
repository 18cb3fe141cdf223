package pipe

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif/scan"
)

// cut is a shape for JSON that is not decoded: members are left out, renamed and
// grouped where they lie. What it can't do with the same result as the shape it leaves
// to the shape: keys with escapes, the same key twice, or very many keys.
type cut struct {
	target      []string
	allow, deny paths
	mapping     map[string]string // name → key as it is written
	group       string            // as it is written; "" for none
}

// mostKeys bounds the keys of one object, which are compared with each other.
const mostKeys = 64

// newCut gives the cut of b's shape; nil when there is none.
func newCut(b *config.Backend, s *shape) *cut {
	if s.flatmap != nil {
		return nil
	}
	c := &cut{target: s.target, allow: s.allow, deny: s.deny}
	if s.group != "" {
		c.group = written(s.group)
	}
	for from, to := range s.mapping {
		if c.mapping == nil {
			c.mapping = make(map[string]string, len(b.Mapping))
		}
		c.mapping[from] = written(to)
		if plainKey([]byte(c.mapping[from])) == nil {
			return nil
		}
	}
	return c
}

func written(name string) string {
	key, _ := json.Marshal(name) // text always encodes
	return string(key)
}

// plainKey is what stands between the quotes of a key; nil when it has escapes, so that
// others may stand for the same.
func plainKey(key []byte) []byte {
	if bytes.IndexByte(key, '\\') >= 0 {
		return nil
	}
	return key[1 : len(key)-1]
}

// apply writes raw, an object, as its shape to out, and reports whether it could.
func (c *cut) apply(out *bytes.Buffer, raw []byte) bool {
	for _, name := range c.target {
		var ok bool
		if raw, ok = inner(raw, name); !ok {
			return false
		}
	}
	if c.group != "" {
		out.WriteByte('{')
		out.WriteString(c.group)
		out.WriteByte(':')
	}
	if c.allow == nil && c.deny == nil && c.mapping == nil {
		out.Write(raw)
	} else {
		k := knife{scan.New(raw), out}
		if _, err := k.Next(); err != nil || !k.object(c.allow, c.deny, c.mapping) {
			return false
		}
	}
	if c.group != "" {
		out.WriteByte('}')
	}
	return true
}

// inner is the object under name in the object raw; {} when there is none. It reports
// whether that is certain.
func inner(raw []byte, name string) ([]byte, bool) {
	found := []byte("{}")
	s := scan.New(raw)
	if _, err := s.Next(); err != nil {
		return nil, false
	}
	for once := true; ; {
		key, err := s.Next()
		if err != nil {
			return nil, false
		}
		if key.Kind == scan.EndObject {
			return found, true
		}
		value, err := s.Skip()
		at := plainKey(s.Bytes(key))
		if err != nil || at == nil {
			return nil, false
		}
		if string(at) != name {
			continue
		}
		if !once { // the last of several counts: rare enough
			return nil, false
		}
		once = false
		if value.Kind == scan.BeginObject {
			found = s.Bytes(value)
		}
		if len(bytes.TrimSpace(found[1:len(found)-1])) == 0 {
			found = []byte("{}")
		}
	}
}

// knife copies objects from its scanner to out.
type knife struct {
	scan.Scanner
	out *bytes.Buffer
}

// object copies the object that the scanner has just entered. One of allow and deny is
// nil; mapping is for this level only.
func (k *knife) object(allow, deny paths, mapping map[string]string) bool {
	var seen keys
	k.out.WriteByte('{')
	for first := true; ; {
		key, err := k.Next()
		if err != nil {
			return false
		}
		if key.Kind == scan.EndObject {
			k.out.WriteByte('}')
			return true
		}
		name := plainKey(k.Bytes(key))
		if name == nil {
			return false
		}
		value, err := k.Next()
		if err != nil {
			return false
		}
		keep, allowed, denied := fate(name, value.Kind == scan.BeginObject, allow, deny)
		written := k.Bytes(key)
		if renamed, ok := mapping[string(name)]; ok && keep {
			written = []byte(renamed)
		}
		if !seen.add(plainKey(written)) { // one that is left out may have a twin that stays
			return false
		}
		begin := k.out.Len()
		if keep {
			if !first {
				k.out.WriteByte(',')
			}
			k.out.Write(written)
			k.out.WriteByte(':')
		}
		if allowed == nil && denied == nil {
			if value, err = k.Rest(value); err != nil {
				return false
			}
			if keep {
				k.out.Write(k.Bytes(value))
				first = false
			}
			continue
		}
		inner := k.out.Len()
		if !k.object(allowed, denied, nil) {
			return false
		}
		if allowed != nil && k.out.Len() == inner+len("{}") { // nothing is left of it
			k.out.Truncate(begin)
			continue
		}
		first = false
	}
}

// fate tells whether a member stays, and which paths go on in it if it is an object.
func fate(name []byte, isObject bool, allow, deny paths) (keep bool, allowed, denied paths) {
	if allow != nil {
		below, listed := allow[string(name)]
		if below == nil {
			return listed, nil, nil
		}
		if !isObject {
			return false, nil, nil
		}
		return true, below, nil
	}
	below, listed := deny[string(name)]
	if below == nil {
		return !listed, nil, nil
	}
	if !isObject {
		return true, nil, nil
	}
	return true, nil, below
}

// keys are those of one object.
type keys struct {
	list [mostKeys][]byte
	n    int
}

// add reports whether key is new, and there is room for it.
func (k *keys) add(key []byte) bool {
	if k.n == len(k.list) || slices.ContainsFunc(k.list[:k.n], func(other []byte) bool { return bytes.Equal(key, other) }) {
		return false
	}
	k.list[k.n] = key
	k.n++
	return true
}

// members are those of several objects: what is between the commas.
type members struct {
	list [mostKeys]struct{ name, whole []byte }
	n    int
}

// add keeps the members sorted by their names, as a decoded object would be written,
// and reports whether it could: the name is new, and there is room.
func (m *members) add(name, whole []byte) bool {
	i, twice := slices.BinarySearchFunc(m.list[:m.n], name, func(e struct{ name, whole []byte }, name []byte) int {
		return bytes.Compare(e.name, name)
	})
	if twice || m.n == len(m.list) {
		return false
	}
	copy(m.list[i+1:m.n+1], m.list[i:m.n])
	m.list[i].name, m.list[i].whole = name, whole
	m.n++
	return true
}

// join writes the members of all answers, which have Raw, as one object, and reports
// whether it could: no key may stand in two of them.
func join(out *bytes.Buffer, answers []*backend.Answer) bool {
	var all members
	for _, a := range answers {
		s := scan.New(a.Raw)
		if _, err := s.Next(); err != nil {
			return false
		}
		for {
			key, err := s.Next()
			if err != nil {
				return false
			}
			if key.Kind == scan.EndObject {
				break
			}
			value, err := s.Skip()
			if err != nil {
				return false
			}
			name := plainKey(s.Bytes(key))
			if name == nil || !all.add(name, a.Raw[key.Start:value.End]) {
				return false
			}
		}
	}
	if all.n == 0 {
		return false
	}
	for i := range all.list[:all.n] {
		out.WriteByte("{,"[min(i, 1)])
		out.Write(all.list[i].whole)
	}
	out.WriteByte('}')
	return true
}
