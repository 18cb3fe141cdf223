package pipe

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// flatmap is what proxy.flatmap_filter does to data, one operation after the other
// (KrakenD v3, 1.7). Its paths go into arrays as well: an index is one element, * is
// every element or every field.
//
// Where the reference is silent: the k-th * of a destination is what the k-th * of the
// source stood for; a source that is not there changes nothing; on the way to a
// destination objects are made, and an array where a * stands for elements; elements
// that are taken out of an array leave no gap; append takes the source away, makes the
// destination where there is none, and changes nothing unless both are arrays.
type flatmap []operation

type operation struct {
	kind  string     // move, append, del
	paths [][]string // of del each, of the others source and destination; split at dots
}

func newFlatmap(list []config.FlatmapOp) flatmap {
	f := make(flatmap, len(list))
	for i, op := range list {
		f[i].kind = op.Type
		for _, path := range op.Args {
			f[i].paths = append(f[i].paths, strings.Split(path, "."))
		}
	}
	return f
}

// apply changes data.
func (f flatmap) apply(data map[string]any) {
	for _, op := range f {
		if op.kind == "del" {
			for _, path := range op.paths {
				remove(data, find(data, path, nil))
			}
			continue
		}
		op.transfer(data)
	}
}

// transfer moves or appends. All sources are taken away before the first is put down.
func (o *operation) transfer(data map[string]any) {
	found := find(data, o.paths[0], nil)
	to := make([][]step, len(found))
	for i := range found {
		to[i] = destination(o.paths[1], found[i].path)
	}
	if o.kind == "append" {
		kept := found[:0]
		for i := range found {
			if appendable(data, found[i], to[i]) {
				to[len(kept)] = to[i]
				kept = append(kept, found[i])
			}
		}
		found = kept
	}
	remove(data, found)
	for i, f := range found {
		value := f.value
		if o.kind == "append" {
			if there, ok := get(data, to[i]); ok {
				value = slices.Concat(there.([]any), value.([]any))
			}
		}
		put(data, to[i], value)
	}
}

// appendable tells whether source and destination are arrays, or will be.
func appendable(data map[string]any, from match, to []step) bool {
	_, isArray := from.value.([]any)
	there, ok := get(data, to)
	if isArray && ok {
		_, isArray = there.([]any)
	}
	return isArray
}

// step is one part of a path in the data.
type step struct {
	name  string // a key, or an index as it is written
	star  bool   // a * stood for it
	index bool   // it is an element of an array
}

// match is a place in the data that a path leads to.
type match struct {
	path  []step
	value any
}

// find gives all places under at that path leads to, elements of arrays in their order.
// so is the way to at.
func find(at any, path []string, so []step) []match {
	if len(path) == 0 {
		return []match{{path: slices.Clone(so), value: at}}
	}
	name, star := path[0], path[0] == "*"
	var all []match
	switch at := at.(type) {
	case map[string]any:
		if !star {
			if value, ok := at[name]; ok {
				all = find(value, path[1:], append(so, step{name: name}))
			}
			break
		}
		for _, name := range slices.Sorted(maps.Keys(at)) {
			all = append(all, find(at[name], path[1:], append(so, step{name: name, star: true}))...)
		}
	case []any:
		if !star {
			if i, ok := indexOf(name, len(at)); ok {
				all = find(at[i], path[1:], append(so, step{name: name, index: true}))
			}
			break
		}
		for i, value := range at {
			all = append(all, find(value, path[1:], append(so, step{name: strconv.Itoa(i), star: true, index: true}))...)
		}
	}
	return all
}

// indexOf reads an index of an array of n elements.
func indexOf(name string, n int) (int, bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0 && i < n
}

// destination is path with what the stars of the source's place stood for.
func destination(path []string, from []step) []step {
	to := make([]step, len(path))
	for i, name := range path {
		to[i].name = name
		if name != "*" {
			continue
		}
		next := slices.IndexFunc(from, func(s step) bool { return s.star })
		if next >= 0 {
			to[i] = from[next]
			from = from[next+1:]
		}
	}
	return to
}

// remove takes places out of data, the last first, so that indexes stay right.
func remove(data map[string]any, places []match) {
	for _, place := range slices.Backward(places) {
		take(data, place.path)
	}
}

// take gives at without the place that path leads to.
func take(at any, path []step) any {
	name := path[0].name
	switch at := at.(type) {
	case map[string]any:
		inner, ok := at[name]
		switch {
		case !ok:
		case len(path) == 1:
			delete(at, name)
		default:
			at[name] = take(inner, path[1:])
		}
	case []any:
		i, ok := indexOf(name, len(at))
		switch {
		case !ok:
		case len(path) == 1:
			return slices.Delete(at, i, i+1)
		default:
			at[i] = take(at[i], path[1:])
		}
	}
	return at
}

func get(at any, path []step) (any, bool) {
	for _, s := range path {
		switch inner := at.(type) {
		case map[string]any:
			value, ok := inner[s.name]
			if !ok {
				return nil, false
			}
			at = value
		case []any:
			i, ok := indexOf(s.name, len(inner))
			if !ok {
				return nil, false
			}
			at = inner[i]
		default:
			return nil, false
		}
	}
	return at, true
}

// put gives at with value at the place that path leads to. An index past the end of an
// array appends; a name leads nowhere in one.
func put(at any, path []step, value any) any {
	if len(path) == 0 {
		return value
	}
	list, isList := at.([]any)
	object, isObject := at.(map[string]any)
	switch {
	case isObject:
	case isList, path[0].index && path[0].star:
		i, err := strconv.Atoi(path[0].name)
		switch {
		case err != nil || i < 0:
			return at
		case i < len(list):
			list[i] = put(list[i], path[1:], value)
			return list
		}
		return append(list, put(nil, path[1:], value))
	default:
		object = make(map[string]any)
	}
	object[path[0].name] = put(object[path[0].name], path[1:], value)
	return object
}
