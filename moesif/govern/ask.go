package govern

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	timeout     = 10 * time.Second // of a question, as in Moesif's own SDKs (Moesif wire, 1.6); on top of the wait
	maxDocument = 64 << 20         // bytes of a document, decompressed
	maxRest     = 64 << 10         // bytes read of what is not used, for the connection's sake
)

// unasked is the wait of a question that does not mention any.
const unasked time.Duration = -1

// question is one GET.
type question struct {
	name  string // of the document, for a person: v1/rules
	url   string
	marks []string      // of the document that is held
	wait  time.Duration // how long the answer may be held back until there is news; whole seconds, or unasked
}

// long reports whether the answer may be held back.
func (q *question) long() bool { return q.wait > 0 && len(q.marks) > 0 }

// answer is what the collector said to a question.
type answer struct {
	modified            bool // body holds the document
	body                []byte
	etag                string
	configTag, rulesTag string
	waits               bool          // the collector honours the wait
	held                time.Duration // until the answer began
}

// problem is why an answer is of no use.
type problem struct {
	key      string // tells problems apart that a person should hear of
	why      string // for a person
	fleeting bool   // a long poll broke off: whether anything is wrong, the next question tells
}

func (p *problem) Error() string { return p.why }

// errTag ends a long poll because a tag on a push was new.
var errTag = errors.New("govern: a new tag was seen")

// ask puts q to the collector. The error is a *problem, errTag, or ctx's.
func (r *Rules) ask(ctx context.Context, q question) (answer, error) {
	limit := timeout
	if q.long() {
		limit += q.wait
	}
	ctx, release := context.WithTimeout(ctx, limit)
	defer release()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.url, http.NoBody)
	if err != nil {
		return answer{}, &problem{key: "url", why: fmt.Sprintf("collector_url can not be used: %v", err)}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", r.o.UserAgent)
	req.Header.Set("X-Moesif-Application-Id", r.o.ApplicationID)
	if len(q.marks) > 0 {
		req.Header.Set("If-None-Match", `"`+strings.Join(q.marks, `", "`)+`"`)
	}
	if q.wait >= 0 {
		req.Header.Set("Prefer", "wait="+strconv.Itoa(int(q.wait/time.Second)))
	}
	stop := func() {}
	if q.long() {
		stop = r.watch(cancel)
	}
	began := time.Now()
	resp, err := r.client.Do(req)
	stop()
	if err != nil {
		return answer{}, r.unanswered(ctx, q, err)
	}
	defer resp.Body.Close()
	a := answer{
		etag:      readTag(resp.Header.Get("ETag")),
		configTag: readTag(resp.Header.Get(wire.ConfigTagHeader)),
		rulesTag:  readTag(resp.Header.Get(wire.RulesTagHeader)),
		waits:     applied(resp.Header.Values("Preference-Applied")),
		held:      time.Since(began),
	}
	if a.body, err = read(resp, q); err != nil {
		return answer{}, err
	}
	a.modified = a.body != nil
	r.debug("moesif: the collector was asked for rules", slog.String("document", q.name), slog.Int("status", resp.StatusCode),
		slog.Int("bytes", len(a.body)), slog.Duration("held_back", a.held), slog.Duration("took", time.Since(began)))
	return a, nil
}

// grace is how long a long poll has to answer by itself after a tag came that is
// new: mostly the answer is on its way.
const grace = 500 * time.Millisecond

// watch cancels a long poll when a tag comes that is new; its connection may be
// dead. The caller stops it when the answer has begun.
func (r *Rules) watch(cancel context.CancelCauseFunc) (stop func()) {
	answered, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-r.news:
		case <-answered:
			return
		}
		late := time.NewTimer(grace)
		defer late.Stop()
		select {
		case <-late.C:
			cancel(errTag)
		case <-answered:
		}
	}()
	return func() {
		close(answered)
		<-done
	}
}

// unanswered is the error of a question that got no answer.
func (r *Rules) unanswered(ctx context.Context, q question, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTag) || errors.Is(cause, context.Canceled) {
		return cause
	}
	// A connection of HTTP/2 that leads nowhere would be used for the next
	// question as well.
	r.client.CloseIdleConnections()
	r.debug("moesif: the collector did not answer", slog.Any("error", err))
	return &problem{key: "down", why: fmt.Sprintf("the collector does not answer: %v", err), fleeting: q.long()}
}

// read returns the document of an answer, never nil, or nil if it is as it was.
func read(resp *http.Response, q question) ([]byte, error) {
	if resp.StatusCode == http.StatusOK {
		return readDocument(resp, q)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRest)) // it is not used, broken off or not
	if resp.StatusCode == http.StatusNotModified && len(q.marks) > 0 {
		return nil, nil
	}
	return nil, refusal(resp, q)
}

func readDocument(resp *http.Response, q question) ([]byte, error) {
	n := resp.ContentLength // negative is unknown
	var body bytes.Buffer
	var err error
	if n <= maxDocument {
		body.Grow(int(max(0, n)) + bytes.MinRead)
		n, err = body.ReadFrom(io.LimitReader(resp.Body, maxDocument+1))
	}
	switch {
	case n > maxDocument:
		return nil, &problem{key: "unreadable " + q.name, why: fmt.Sprintf("the collector's answer to GET %s is longer than %d MiB", q.name, maxDocument>>20)}
	case err != nil:
		return nil, &problem{key: "down", why: fmt.Sprintf("the collector's answer broke off: %v", err)}
	}
	return body.Bytes(), nil
}

// refusal says what a status means (Moesif wire, 1.4).
func refusal(resp *http.Response, q question) *problem {
	status := resp.StatusCode
	p := &problem{key: strconv.Itoa(status)}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		p.key, p.fleeting = "down", q.long()
		p.why = fmt.Sprintf("the collector is not available (%d)", status)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		p.why = fmt.Sprintf("the collector refuses the application id (%d): check application_id", status)
	case status == http.StatusPaymentRequired:
		p.why = "the collector says that the subscription is not active (402)"
	case status >= 300 && status < 400 && status != http.StatusNotModified:
		p.why = fmt.Sprintf("the collector redirects (%d) to %q: set collector_url to where it is", status, resp.Header.Get("Location"))
	default:
		p.why = fmt.Sprintf("the collector answers %d to GET %s: is collector_url right", status, q.name)
	}
	return p
}

// applied reports whether Preference-Applied headers name the wait (RFC 7240, 3).
func applied(headers []string) bool {
	for _, header := range headers {
		for preference := range strings.SplitSeq(header, ",") {
			name, _, _ := strings.Cut(preference, "=")
			name, _, _ = strings.Cut(name, ";")
			if strings.EqualFold(strings.TrimSpace(name), "wait") {
				return true
			}
		}
	}
	return false
}

// debug logs if it was asked for.
func (r *Rules) debug(message string, attrs ...any) {
	if r.o.Debug {
		r.o.Logger.Info(message, attrs...)
	}
}
