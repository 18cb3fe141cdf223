package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// fields says where the members of an object go: from key to a pointer, or to
// the fields of a nested object.
type fields map[string]any

// fields reads the object that begins with t into f; other members are ignored.
func (r *reader) fields(t scan.Token, name string, f fields) error {
	return r.members(t, name, func(key []byte, t scan.Token) error {
		dst, known := f[string(key)]
		if !known {
			return r.skip(t)
		}
		path := string(key)
		if !isDocument[name] {
			path = name + "." + path
		}
		return r.into(dst, t, path)
	})
}

// isDocument holds the names of whole documents, which are no part of a path.
var isDocument = map[string]bool{
	"action": true, "user": true, "company": true, "subscription": true,
	"config": true, "rule": true, "answer": true,
}

// into reads the value that begins with t into the pointer dst. An unknown type
// is a mistake in this package, and its tests find it.
func (r *reader) into(dst any, t scan.Token, name string) error {
	switch dst := dst.(type) {
	case fields:
		return r.fields(t, name, dst)
	case *string:
		return r.stringInto(dst, t, name)
	case *time.Time:
		return r.timeInto(dst, t, name)
	case *bool:
		return r.boolInto(dst, t, name)
	case *int:
		n := int64(*dst)
		err := r.intInto(&n, t, name, math.MinInt32, math.MaxInt32)
		*dst = int(n)
		return err
	case **int:
		var n int
		if t.Kind == scan.Null {
			return nil
		}
		*dst = &n
		return r.into(&n, t, name)
	case *json.RawMessage:
		return r.objectInto(dst, t, name)
	case *anyJSON:
		return r.rawInto((*json.RawMessage)(dst), t)
	case *map[string]string:
		return mapInto(r, dst, t, name)
	case *map[string]int:
		return mapInto(r, dst, t, name)
	case *map[string][]RuleRef:
		return mapInto(r, dst, t, name)
	case *[]SubscriptionItem:
		return r.items(dst, t, name)
	case **Campaign:
		return r.campaign(dst, t, name)
	case *[]RuleRef:
		refs, err := r.ruleRefs([]RuleRef{}, t)
		*dst = refs
		return within(name, err)
	case eachRate:
		return each(r, t, name, dst)
	case eachRules:
		return r.eachRules(dst, t, name)
	case *[]RegexGroup:
		return r.regexGroups(dst, t, name)
	case *[]Variable:
		return r.variables(dst, t, name)
	case *[]Rejection:
		return r.rejections(dst, t, name)
	}
	return fmt.Errorf("%s: no way to read a %T", name, dst)
}

// anyJSON takes any JSON value, not only objects.
type anyJSON json.RawMessage

// mapInto reads an object with values of one type. It is never nil afterwards.
func mapInto[V any](r *reader, dst *map[string]V, t scan.Token, name string) error {
	*dst = map[string]V{}
	return each(r, t, name, func(key string, v V) { (*dst)[key] = v })
}

// each reads an object with values of one type. A null is no value: a customer's
// rate would be 0 by it.
func each[V any](r *reader, t scan.Token, name string, take func(key string, v V)) error {
	var v, none V
	return r.members(t, name, func(key []byte, t scan.Token) error {
		if t.Kind == scan.Null {
			return nil
		}
		k := string(key)
		v = none
		err := r.into(&v, t, "")
		if err != nil {
			return within(name+"."+k, err)
		}
		take(k, v)
		return nil
	})
}

// within puts in front of an error the path to the value it is about: nothing in
// front of one about the document itself.
func within(path string, err error) error {
	if err == nil || isSyntax(err) {
		return err
	}
	return fmt.Errorf("%s%w", path, err)
}
