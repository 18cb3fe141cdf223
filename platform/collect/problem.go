package collect

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// problem is an answer that refuses a request (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`

	after time.Duration // when to come again, at the earliest; rounded up to seconds
}

// When those are asked to come again who found no memory, or no space on the disk.
const (
	retryAfter     = 2 * time.Second
	fullRetryAfter = 10 * time.Second
)

func (p *problem) Error() string { return p.Detail }

func refusal(status int, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// hint says in headers what the client can do about it.
func (p *problem) hint(h http.Header) {
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		after := max(p.after, retryAfter)
		h.Set("Retry-After", strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	case http.StatusUnsupportedMediaType:
		h.Set("Accept-Encoding", acceptedEncodings) // RFC 7694
	}
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // every v is a struct or map of this package
		panic(err)
	}
	contentType := "application/json"
	if _, isProblem := v.(*problem); isProblem {
		contentType = "application/problem+json"
	}
	answerBytes(w, status, contentType, body)
}

func answerBytes(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nothing to be done
}

// Reasons for which an item is refused while the rest of its batch is taken.
const (
	reasonMalformed = "malformed"
	reasonTooOld    = "too_old"
	reasonTooLarge  = "too_large"
)

// faultLog tells the operator why items are malformed, which the answer's short
// reason does not: one example a minute.
type faultLog struct {
	mu    sync.Mutex
	next  time.Time // guarded by mu
	since int       // malformed items since the last line; guarded by mu
}

func (f *faultLog) report(log *slog.Logger, now time.Time, app, kind string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since++
	if now.Before(f.next) {
		return
	}
	log.Warn("refused malformed items", "app", app, "kind", kind, "items", f.since, "example", err.Error())
	f.next, f.since = now.Add(time.Minute), 0
}

// outageLog says why requests could not be taken: one example every ten seconds,
// because all clients come again.
type outageLog struct {
	mu    sync.Mutex
	next  time.Time // guarded by mu
	since int       // requests since the last line; guarded by mu
}

func (f *outageLog) report(log *slog.Logger, now time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since++
	if now.Before(f.next) {
		return
	}
	log.Error("the collector could not take requests", "requests", f.since, "error", err)
	f.next, f.since = now.Add(10*time.Second), 0
}
