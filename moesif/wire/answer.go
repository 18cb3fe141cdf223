package wire

import (
	"bytes"
	"encoding/json"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// BatchAnswer is what a collector says about a batch that it took: which items
// of it will not be stored. Moesif's own answers nothing.
type BatchAnswer struct {
	Rejected []Rejection `json:"rejected"`
}

// Rejection names an item of a batch by its index, and says why it is refused.
type Rejection struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// MarshalJSON writes an empty list as [].
func (a BatchAnswer) MarshalJSON() ([]byte, error) {
	type plain BatchAnswer
	if a.Rejected == nil {
		a.Rejected = []Rejection{}
	}
	return json.Marshal(plain(a))
}

// DecodeBatchAnswer reads the body of a collector's answer. An empty body is an
// answer that rejects nothing.
func DecodeBatchAnswer(data []byte) (BatchAnswer, error) {
	var a BatchAnswer
	if len(bytes.TrimSpace(data)) == 0 {
		return a, nil
	}
	err := read(data, "answer", func(r *reader, t scan.Token) error {
		return r.fields(t, "answer", fields{"rejected": &a.Rejected})
	})
	if err != nil {
		return BatchAnswer{}, err
	}
	return a, nil
}

func (r *reader) rejections(dst *[]Rejection, t scan.Token, name string) error {
	*dst = nil
	return r.elements(t, name, func(t scan.Token) error {
		j := Rejection{Index: -1}
		err := r.fields(t, name, fields{"index": &j.Index, "reason": &j.Reason})
		*dst = append(*dst, j)
		return err
	})
}
