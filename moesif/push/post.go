package push

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

	"github.com/gatemeter/gatemeter/moesif/queue"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// timeout of a push, as in Moesif's own SDKs (Moesif wire, 1.6).
const timeout = 10 * time.Second

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// kind is what an answer means for the block and for those after it.
type kind int

const (
	accepted kind = iota // 2xx
	refused              // 400: something in the block is wrong
	tooLarge             // 413
	damaged              // the block can not be read, ever
	unread               // the block can not be read now
	down                 // no answer, 408, 429, 5xx: the same push may work later
	paused               // 401 and whatever else needs somebody to act
)

// answer is what came of one push.
type answer struct {
	kind       kind
	status     int            // 0 when there was none
	rejected   map[string]int // events of an accepted block that were not taken, by reason
	why        string         // for a person; set when down or paused
	retryAfter time.Duration  // 0 when the collector did not say
}

// key tells problems apart that a person should hear of.
func (a answer) key() string {
	if a.kind == down {
		return "down"
	}
	return strconv.Itoa(a.status)
}

// post sends a block once.
func (p *Pusher) post(ctx context.Context, b *queue.Block) answer {
	data, err := b.Data()
	switch {
	case errors.Is(err, queue.ErrDamaged):
		p.o.Logger.Error("moesif: events can not be sent", slog.Any("error", err))
		return answer{kind: damaged}
	case err != nil:
		p.o.Logger.Warn("moesif: events can not be read, they are tried again later", slog.Any("error", err))
		p.unread.Store(true)
		return answer{kind: unread}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(data))
	if err != nil {
		return answer{kind: paused, why: fmt.Sprintf("collector_url can not be used: %v", err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", p.o.UserAgent)
	req.Header.Set("X-Moesif-Application-Id", p.o.ApplicationID)

	began := time.Now()
	resp, err := p.client.Do(req)
	if err != nil {
		return answer{kind: down, why: fmt.Sprintf("the collector does not answer: %v", err)}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}
	if p.o.Debug {
		p.o.Logger.Info("moesif: pushed", slog.Int("events", b.Events()), slog.Int("bytes", len(data)),
			slog.Int("status", resp.StatusCode), slog.Duration("took", time.Since(began)))
	}
	a := p.judge(resp)
	if a.kind == accepted {
		p.o.Saw(resp.Header.Get(wire.ConfigTagHeader), resp.Header.Get(wire.RulesTagHeader))
	}
	if a.kind == accepted && err == nil {
		a.rejected = rejections(body, b.Events())
	}
	return a
}

// judge reads the status (Moesif wire, 1.4). What it does not know loses nothing:
// events wait until somebody has seen to it.
func (p *Pusher) judge(resp *http.Response) answer {
	a := answer{status: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	switch status := resp.StatusCode; {
	case status >= 200 && status < 300:
		a.kind = accepted
	case status == http.StatusBadRequest:
		a.kind = refused
		a.why = "the collector refuses every event (400): is collector_url right, and does anything stand in between"
	case status == http.StatusRequestEntityTooLarge:
		a.kind = tooLarge
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		a.kind = down
		a.why = fmt.Sprintf("the collector is not available (%d)", status)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		a.kind = paused
		a.why = fmt.Sprintf("the collector refuses the application id (%d): check application_id", status)
	case status == http.StatusPaymentRequired:
		a.kind = paused
		a.why = "the collector says that the subscription is not active (402)"
	case status >= 300 && status < 400:
		a.kind = paused
		a.why = fmt.Sprintf("the collector redirects (%d) to %q: set collector_url to where it is", status, resp.Header.Get("Location"))
	default:
		a.kind = paused
		a.why = fmt.Sprintf("the collector answers %d: is collector_url right", status)
	}
	return a
}

// rejections counts the events that an accepting answer lists as rejected, of n.
// What can not be read rejects nothing: other collectors answer what they like.
func rejections(body []byte, n int) map[string]int {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	list, err := wire.DecodeBatchAnswer(body)
	if err != nil || len(list.Rejected) == 0 {
		return nil
	}
	counts := map[string]int{}
	seen := map[int]bool{}
	for _, r := range list.Rejected {
		if r.Index < 0 || r.Index >= n || seen[r.Index] {
			continue
		}
		seen[r.Index] = true
		counts[reason(r.Reason)]++
	}
	return counts
}

// reason is fit for a counter's label: valid UTF-8 of 64 bytes at most.
func reason(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "unspecified"
	}
	return strings.ToValidUTF8(s[:min(len(s), 64)], "")
}

// retryAfter reads the header's seconds or date (RFC 9110, 10.2.3); 0 when it
// has neither, or one that is past.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
		return time.Duration(min(max(0, seconds), int64(longestRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
