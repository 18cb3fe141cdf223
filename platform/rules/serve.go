package rules

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds how long an answer may be held back, in agreement with the
// server's write timeout.
const maxWait = 60 * time.Second

// Serve answers a GET of one of the documents d, which pick returns.
//
// A client that names the document's tag or its ETag in If-None-Match, quoted or
// bare, gets 304. If it also says `Prefer: wait=N` (RFC 7240) the answer is held
// back until the application's documents change, N seconds at most; the answer
// says `Preference-Applied: wait`, so that the client knows it need not poll. A
// change is answered with the tags that are in force then, and with the document
// only if that is what changed.
func (r *Rules) Serve(w http.ResponseWriter, req *http.Request, d *Documents, pick func(*Documents) Document) {
	wait, asked := preferredWait(req.Header.Values("Prefer"))
	known := listed(req.Header.Values("If-None-Match"))
	document := pick(d)
	// An old tag beside the present ETag is news to the client: no waiting then.
	stale := !slices.Contains(known, document.Tag) && len(known) > 1
	if asked && !stale && document.isOneOf(known) {
		d = r.await(req.Context(), d, wait)
		document = pick(d)
	}
	h := w.Header()
	d.Tags.Set(h)
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Prefer")
	h.Set("ETag", `"`+document.ETag+`"`)
	if asked {
		h.Set("Preference-Applied", "wait")
	}
	if document.isOneOf(known) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(document.Body)))
	_, _ = w.Write(document.Body) // the client is gone: nothing to be done
}

// isOneOf reports whether a client that knows these tags has the document.
func (d Document) isOneOf(known []string) bool {
	return slices.Contains(known, d.Tag) || slices.Contains(known, d.ETag)
}

// await returns the documents that are served instead of d as soon as there are
// some, or d when the time is over.
func (r *Rules) await(ctx context.Context, d *Documents, wait time.Duration) *Documents {
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-d.replaced:
		return r.of(d.app.ID).documents.Load()
	case <-timer.C:
	case <-r.closed:
	case <-ctx.Done():
	}
	return d
}

// preferredWait reads `wait=N` in seconds out of Prefer headers.
func preferredWait(headers []string) (time.Duration, bool) {
	for _, header := range headers {
		for preference := range strings.SplitSeq(header, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if err != nil || n < 0 {
				return 0, false
			}
			return min(time.Duration(min(n, 3600))*time.Second, maxWait), true
		}
	}
	return 0, false
}

// listed reads the tags of If-None-Match headers: weak, quoted or bare.
func listed(headers []string) (tags []string) {
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag = strings.Trim(tag, `"`); tag != "" {
				tags = append(tags, tag)
			}
		}
	}
	return tags
}
