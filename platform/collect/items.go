package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// maxItems bounds the items of one batch: an array of nothing but `1,1,1`
// would otherwise take many times its size in memory.
const maxItems = 100_000

// split returns the items of a batch, parts of body.
func split(body []byte) ([][]byte, error) {
	s := scan.New(body)
	t, err := s.Next()
	if err != nil {
		return nil, notArray(err.Error())
	}
	if t.Kind != scan.BeginArray {
		return nil, notArray("got " + t.Kind.String())
	}
	items := [][]byte{} // never nil, which stands for a single item
	for {
		t, err := s.Skip()
		if err != nil {
			return nil, notArray(fmt.Sprintf("item %d: %v", len(items), err))
		}
		if t.Kind == scan.EndArray {
			break
		}
		if len(items) == maxItems {
			return nil, refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the batch has more than %d items: send fewer at once", maxItems))
		}
		items = append(items, s.Bytes(t))
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		return nil, notArray("something follows it")
	}
	return items, nil
}

func notArray(got string) error {
	return refusal(http.StatusBadRequest, "the body must be a JSON array: "+got)
}

// malformed answers for a request whose only item cannot be read.
func malformed(err error) error { return refusal(http.StatusBadRequest, err.Error()) }

// maxDetails bounds how many refused items are explained in one answer, and
// maxDetail an explanation, in bytes.
const (
	maxDetails = 100
	maxDetail  = 300
)

// rejection says which item of a batch is not stored, why in one of few words,
// and what is wrong with it.
type rejection struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

// answer is what became of a request: a wire.BatchAnswer with details.
type answer struct {
	rejected []rejection
	counts   map[string]int // by reason
}

func (a *answer) add(index int, reason string, err error) {
	if a.counts == nil {
		a.counts = map[string]int{}
	}
	a.counts[reason]++
	r := rejection{Index: index, Reason: reason}
	if err != nil && len(a.rejected) < maxDetails {
		r.Detail = err.Error()
		r.Detail = r.Detail[:min(len(r.Detail), maxDetail)]
	}
	a.rejected = append(a.rejected, r)
}

// MarshalJSON writes an empty list as [].
func (a answer) MarshalJSON() ([]byte, error) {
	if a.rejected == nil {
		a.rejected = []rejection{}
	}
	return json.Marshal(map[string][]rejection{"rejected": a.rejected})
}
