package pipe

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// shape is what a backend's data goes through: target, then allow or deny, then
// mapping, then group (KrakenD v3, 1.7). A flatmap stands for allow, deny and mapping.
type shape struct {
	target  []string
	allow   paths
	deny    paths
	mapping map[string]string
	flatmap flatmap
	group   string
}

// paths is a tree of dotted paths. A nil subtree is a path's end.
type paths map[string]paths

func newShape(b *config.Backend) shape {
	s := shape{group: b.Group}
	if b.Target != "" {
		s.target = strings.Split(b.Target, ".")
	}
	if len(b.Proxy.Flatmap) > 0 {
		s.flatmap = newFlatmap(b.Proxy.Flatmap)
		return s
	}
	if len(b.Allow) > 0 {
		s.allow = newPaths(b.Allow)
	} else if len(b.Deny) > 0 {
		s.deny = newPaths(b.Deny)
	}
	if len(b.Mapping) > 0 {
		s.mapping = make(map[string]string, len(b.Mapping))
		for from, to := range b.Mapping {
			s.mapping[from], _, _ = strings.Cut(to, ".")
		}
	}
	return s
}

// none reports whether the shape changes nothing.
func (s *shape) none() bool {
	return s.target == nil && s.allow == nil && s.deny == nil && s.mapping == nil && s.flatmap == nil && s.group == ""
}

// newPaths builds the tree; of a path and one below it, the shorter counts.
func newPaths(list []string) paths {
	root := make(paths)
	for _, path := range list {
		at := root
		names := strings.Split(path, ".")
		for i, name := range names {
			below, known := at[name]
			if known && below == nil {
				break
			}
			if i == len(names)-1 {
				at[name] = nil
				break
			}
			if below == nil {
				below = make(paths)
				at[name] = below
			}
			at = below
		}
	}
	return root
}

// apply shapes data, which it may change.
func (s *shape) apply(data map[string]any) map[string]any {
	for _, name := range s.target {
		inner, ok := data[name].(map[string]any)
		if !ok {
			data = map[string]any{}
			break
		}
		data = inner
	}
	if s.allow != nil {
		s.allow.keep(data)
	}
	if s.deny != nil {
		s.deny.drop(data)
	}
	if s.mapping != nil {
		data = s.rename(data)
	}
	if data != nil { // a null stays one
		s.flatmap.apply(data)
	}
	if s.group != "" {
		return map[string]any{s.group: data}
	}
	return data
}

// keep removes what no path leads to, and objects that nothing is left of.
func (p paths) keep(data map[string]any) {
	for name, value := range data {
		below, ok := p[name]
		if ok && below == nil {
			continue
		}
		inner, isObject := value.(map[string]any)
		if ok && isObject {
			below.keep(inner)
		}
		if !ok || !isObject || len(inner) == 0 {
			delete(data, name)
		}
	}
}

// drop removes what the paths lead to; paths don't go into arrays.
func (p paths) drop(data map[string]any) {
	for name, below := range p {
		if below == nil {
			delete(data, name)
			continue
		}
		if inner, ok := data[name].(map[string]any); ok {
			below.drop(inner)
		}
	}
}

// rename maps top-level keys, all at once, in the order of their old names where
// two get the same new one.
func (s *shape) rename(data map[string]any) map[string]any {
	moved := make(map[string]any)
	for _, from := range slices.Sorted(maps.Keys(s.mapping)) {
		if value, ok := data[from]; ok {
			moved[s.mapping[from]] = value
		}
	}
	for from := range s.mapping {
		delete(data, from)
	}
	maps.Copy(data, moved)
	return data
}
