package rules

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds how long an answer may be held back, in agreement with the
// server's write timeout.
const maxWait = 60 * time.Second

// Serve answers a GET of one document.
//
// A client that names the document's tag or its ETag in If-None-Match, quoted or
// bare, gets 304. If it also says `Prefer: wait=N` (RFC 7240) the answer is held
// back until something changes, N seconds at most; the answer says
// `Preference-Applied: wait`, so that the client knows it need not poll.
func (r *Rules) Serve(w http.ResponseWriter, req *http.Request, d Document) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Prefer")
	h.Set("ETag", `"`+d.ETag+`"`)
	wait, asked := preferredWait(req.Header.Values("Prefer"))
	if asked {
		h.Set("Preference-Applied", "wait")
	}
	known := listed(req.Header.Values("If-None-Match"))
	if !slices.Contains(known, d.Tag) && !slices.Contains(known, d.ETag) {
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(d.Body)))
		_, _ = w.Write(d.Body) // the client is gone: nothing to be done
		return
	}
	// An old tag beside the present ETag is news to the client: no waiting then.
	stale := !slices.Contains(known, d.Tag) && len(known) > 1
	if asked && !stale {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.closed:
		case <-req.Context().Done():
		}
	}
	w.WriteHeader(http.StatusNotModified)
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
