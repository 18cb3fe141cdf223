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
		return r.ruleRefs(dst, t, name)
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

// mapInto reads an object with values of one type. It is never nil afterwards. A
// null is no value: a customer's rate would be 0 by it.
func mapInto[V any](r *reader, dst *map[string]V, t scan.Token, name string) error {
	*dst = map[string]V{}
	return r.members(t, name, func(key []byte, t scan.Token) error {
		if t.Kind == scan.Null {
			return r.skip(t)
		}
		k := string(key)
		var v V
		err := r.into(&v, t, name+"."+k)
		(*dst)[k] = v
		return err
	})
}
