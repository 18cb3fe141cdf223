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

	retryAfter time.Duration // 0: it makes no sense to come again
}

func (p *problem) Error() string { return p.Detail }

func refusal(status int, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// tooFast refuses events of an application that sends more than its rate.
func tooFast(wait time.Duration) *problem {
	p := refusal(http.StatusTooManyRequests, "this application sends more events than its rate allows: send them again after Retry-After seconds")
	p.retryAfter = wait
	return p
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
