package collect

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/journal"
)

const (
	// maxEvent is what an event or action may have, in bytes of JSON.
	maxEvent = 1 << 20
	// maxCutBody is what is left of a body of a larger event, in bytes.
	maxCutBody = 450 << 10
)

// appendEvent appends the event as the journal keeps it. The bodies of one that
// is too large are cut and kept as base64, since the beginning of a document is none
// (Moesif wire, 1.3); one that is still too large is errTooLarge.
func appendEvent(dst []byte, e *wire.Event) ([]byte, error) {
	if err := joinHeaders(e); err != nil {
		return dst, err
	}
	packed := journal.AppendEvent(dst, e)
	raw := rawBytes(e)
	// In JSON a byte of a text has at most six, and what stands around it a few.
	if texts := len(packed) - len(dst) - raw; 6*texts+raw+1024 <= maxEvent {
		return packed, nil
	}
	data := wire.AppendEvent(nil, e)
	if len(data) <= maxEvent {
		return packed, nil
	}
	// First so that each body has 450 KB; if both are long that is still too
	// much in base64, so then its text has 450 KB.
	for _, limit := range []int{maxCutBody, base64.StdEncoding.DecodedLen(maxCutBody)} {
		var cut []string
		if cutBody(&e.Request.Body, &e.Request.TransferEncoding, limit) {
			cut = append(cut, "request.body")
		}
		if p := e.Response; p != nil && cutBody(&p.Body, &p.TransferEncoding, limit) {
			cut = append(cut, "response.body")
		}
		if cut == nil {
			continue
		}
		if err := noteCut(e, cut); err != nil {
			return dst, err
		}
		if data = wire.AppendEvent(data[:0], e); len(data) <= maxEvent {
			return journal.AppendEvent(packed[:len(dst)], e), nil
		}
	}
	return dst, errTooLarge
}

// rawBytes is how many bytes of an event are JSON as it was sent.
func rawBytes(e *wire.Event) int {
	n := len(e.Request.Body) + len(e.Metadata)
	if e.Response != nil {
		n += len(e.Response.Body)
	}
	return n
}

// cutBody shortens a body to its first limit bytes, if it is longer.
func cutBody(body *json.RawMessage, encoding *string, limit int) bool {
	content := []byte(*body)
	if *encoding == "base64" {
		var text string
		if json.Unmarshal(*body, &text) == nil {
			content = []byte(text)
			if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
				content = decoded
			}
		}
	}
	if len(content) <= limit {
		return false
	}
	quoted := append(make([]byte, 0, base64.StdEncoding.EncodedLen(limit)+2), '"')
	*body = append(base64.StdEncoding.AppendEncode(quoted, content[:limit]), '"')
	*encoding = "base64"
	return true
}

// noteCut says in metadata.gatemeter.cut which bodies are shorter than they were.
func noteCut(e *wire.Event, cut []string) error {
	metadata, own := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(e.Metadata) > 0 {
		if err := json.Unmarshal(e.Metadata, &metadata); err != nil {
			return err
		}
	}
	if known, ok := e.Gatemeter(); ok {
		if err := json.Unmarshal(metadata["gatemeter"], &own); err != nil {
			return err
		}
		cut = append(known.Cut, cut...)
	}
	slices.Sort(cut)
	var err error
	if own["cut"], err = json.Marshal(slices.Compact(cut)); err != nil {
		return err
	}
	if metadata["gatemeter"], err = json.Marshal(own); err != nil {
		return err
	}
	e.Metadata, err = json.Marshal(metadata)
	return err
}
