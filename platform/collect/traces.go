package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/collect/otlp"
	"github.com/gatemeter/gatemeter/platform/journal"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	reasonNotHTTP = "not_http"
	protobuf      = "application/x-protobuf"
	// maxTraces is what one export of traces may have, in decoded bytes.
	maxTraces = 15 << 20
)

// traces takes an OTLP export: the spans of HTTP servers become events (Moesif
// wire, 2.1; OTLP 1.x, 2.4).
func (c *Collector) traces(ctx context.Context, r request) (answer, error) {
	read := otlp.ReadJSON
	if r.protobuf {
		read = otlp.ReadProtobuf
	}
	now := c.Clock()
	batch := journal.Batch{App: r.app.ID, ReceivedAt: now}
	var no answer
	n, total := 0, 0
	err := read(r.body, func(s otlp.Span, err error) error {
		i := n
		if n++; n > maxItems {
			return refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the export has more than %d spans: send fewer at once", maxItems))
		}
		if err != nil {
			no.add(i, reasonMalformed, err)
			return nil
		}
		e, err := s.Event()
		switch {
		case errors.Is(err, otlp.ErrNotHTTP):
			no.add(i, reasonNotHTTP, nil)
			return nil
		case err != nil:
			no.add(i, reasonMalformed, err)
			return nil
		case e.Request.Time.Before(now.Add(-maxAge)):
			no.add(i, reasonTooOld, nil)
			return nil
		}
		data, err := packSpan(e)
		switch {
		case errors.Is(err, errTooLarge):
			no.add(i, reasonTooLarge, err)
			return nil
		case err != nil:
			no.add(i, reasonMalformed, err)
			return nil
		}
		if total += len(data) + itemRoom; total > maxRoom {
			return refusal(http.StatusRequestEntityTooLarge, "the export takes too much memory: send fewer spans at once")
		}
		if err := r.room.take(int64(cap(data) + entryRoom)); err != nil {
			return err
		}
		batch.Entries = append(batch.Entries, journal.Entry{Kind: journal.Event, ID: e.TransactionID, Until: e.Request.Time.Add(Remember), Data: data})
		return nil
	})
	var p *problem
	switch {
	case errors.As(err, &p):
		return answer{}, err
	case err != nil:
		return answer{}, malformed(err)
	case n == 0:
		return no, nil
	}
	if err := c.allow(r.app.ID, n); err != nil {
		return answer{}, err
	}
	batch.Rejected = no.counts
	if _, err := c.Journal.Append(ctx, batch); err != nil {
		return answer{}, fmt.Errorf("journal: %w", err)
	}
	return no, nil
}

// packSpan returns the event as it would be if it had come in JSON: its texts are
// of any bytes otherwise.
func packSpan(e wire.Event) ([]byte, error) {
	data := wire.AppendEvent(make([]byte, 0, 1024), &e)
	sent, err := wire.DecodeEvent(data)
	if err != nil {
		return nil, err
	}
	return appendEvent(data[:0], &sent)
}

// isProtobuf reports what an export is written in; a content type that is neither
// is refused.
func isProtobuf(r *http.Request) (bool, error) {
	media, _, err := mime.ParseMediaType(cmp.Or(r.Header.Get("Content-Type"), "application/json"))
	switch {
	case err == nil && media == protobuf:
		return true, nil
	case err == nil && media == "application/json":
		return false, nil
	}
	return false, refusal(http.StatusUnsupportedMediaType, "Content-Type: must be application/json or "+protobuf)
}

// answerTraces writes an ExportTraceServiceResponse in the encoding of the request.
func answerTraces(w http.ResponseWriter, isProtobuf bool, a answer) {
	message := a.summary()
	if !isProtobuf {
		partial := map[string]any{}
		if message != "" {
			partial["partialSuccess"] = map[string]any{"rejectedSpans": fmt.Sprint(len(a.rejected)), "errorMessage": message}
		}
		answerJSON(w, http.StatusOK, partial)
		return
	}
	var body []byte
	if message != "" {
		partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(len(a.rejected)))
		partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), message)
		body = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	}
	answerBytes(w, http.StatusOK, protobuf, body)
}

// summary says how many were refused, by reason, and what is wrong with the first
// that says more; "" when none was.
func (a *answer) summary() string {
	if len(a.rejected) == 0 {
		return ""
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(a.counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", a.counts[reason], reason))
	}
	for _, r := range a.rejected {
		if r.Detail != "" {
			parts = append(parts, fmt.Sprintf("span %d: %s", r.Index, r.Detail))
			break
		}
	}
	return strings.Join(parts, ", ")
}

// status is a problem as the google.rpc.Status that exporters in protobuf read
// (OTLP 1.x, 2.4.2).
func (p *problem) status() []byte {
	return protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), p.Detail)
}
