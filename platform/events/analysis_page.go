package events

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"
)

// place is where a page of a table begins.
type place struct {
	From   int64  `json:"f"`
	To     int64  `json:"t"`
	Offset int    `json:"o"`
	Of     uint64 `json:"q"` // of which question
}

// sum tells questions apart, the range aside.
func (q *prepared) sum() uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %q %q %q %d %t", q.App, q.Filters, q.Metrics, q.Groups, q.Order, q.Ascending)
	return h.Sum64()
}

func (q *prepared) readCursor() error {
	if q.Cursor == "" {
		return nil
	}
	var p place
	raw, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err != nil || json.Unmarshal(raw, &p) != nil || p.Of != q.sum() || p.Offset < 1 || p.Offset > maxPaged || q.OverTime {
		return fmt.Errorf("%w: cursor: is not one of this question", ErrQuestion)
	}
	q.From, q.To, q.offset = time.UnixMicro(p.From).UTC(), time.UnixMicro(p.To).UTC(), p.Offset
	return nil
}

func (q *prepared) next() string {
	p := place{From: micros(q.From), To: micros(q.To), Offset: q.offset + q.Limit, Of: q.sum()}
	if p.Offset > maxPaged {
		return ""
	}
	raw, err := json.Marshal(p)
	if err != nil {
		panic(err) // numbers
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
