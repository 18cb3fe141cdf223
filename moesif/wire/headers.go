package wire

import "github.com/gatemeter/gatemeter/moesif/scan"

// headersInto reads an object whose values are strings, numbers, booleans, null
// (no such header) or arrays of these; anything deeper is kept as its JSON. All
// names and values share one allocation.
func (r *reader) headersInto(dst *Headers, t scan.Token, name string) error {
	*dst = nil
	r.arena, r.bounds = r.arena[:0], r.bounds[:0]
	err := r.members(t, name, func(key []byte, t scan.Token) error {
		if t.Kind != scan.BeginArray {
			return r.header(key, t)
		}
		return r.elements(t, name, func(t scan.Token) error { return r.header(key, t) })
	})
	if err != nil || len(r.bounds) == 0 {
		return err
	}
	text := string(r.arena)
	headers := make(Headers, len(r.bounds)/2)
	start := 0
	for i := range headers {
		middle, end := r.bounds[2*i], r.bounds[2*i+1]
		headers[i] = Header{Name: text[start:middle], Value: text[middle:end]}
		start = end
	}
	*dst = headers
	return nil
}

// header puts one field into the arena.
func (r *reader) header(name []byte, t scan.Token) error {
	kind := t.Kind
	t, err := r.Rest(t)
	if err != nil || kind == scan.Null {
		return err
	}
	r.arena = append(r.arena, name...)
	r.bounds = append(r.bounds, len(r.arena))
	if kind == scan.String {
		r.arena = scan.AppendText(r.arena, r.Bytes(t))
	} else {
		r.arena = append(r.arena, r.Bytes(t)...)
	}
	r.bounds = append(r.bounds, len(r.arena))
	return nil
}
