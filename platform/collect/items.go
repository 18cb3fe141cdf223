package collect

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gatemeter/gatemeter/moesif/scan"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// maxItems bounds the items of one batch: an array of nothing but `1,1,1`
// would otherwise take many times its size in memory.
const maxItems = 100_000

// split returns the items of a batch, parts of body.
func split(body []byte) ([][]byte, error) {
	notArray := refusal(http.StatusBadRequest, "the body must be a JSON array")
	s := scan.New(body)
	t, err := s.Next()
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body must be a JSON array: "+err.Error())
	}
	if t.Kind != scan.BeginArray {
		return nil, notArray
	}
	items := [][]byte{} // never nil, which stands for a single item
	for {
		t, err := s.Skip()
		if err != nil {
			return nil, refusal(http.StatusBadRequest, "the body must be a JSON array: "+err.Error())
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
		return nil, notArray
	}
	return items, nil
}

// malformed answers for a request whose only item cannot be read.
func malformed(err error) error { return refusal(http.StatusBadRequest, err.Error()) }

// refused collects the items of a batch that are not taken.
type refused struct {
	answer wire.BatchAnswer
	counts map[string]int
}

func (r *refused) add(index int, reason string) {
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[reason]++
	r.answer.Rejected = append(r.answer.Rejected, wire.Rejection{Index: index, Reason: reason})
}
