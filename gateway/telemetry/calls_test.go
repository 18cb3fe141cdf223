package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/gateway/config"
)

type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// call makes one call and gives its line; read is what is done with the body.
func call(t *testing.T, next answering, read func(*http.Response)) string {
	t.Helper()
	var out bytes.Buffer
	a := NewAccess(slog.New(slog.DiscardHandler), config.AccessLog{Format: "custom", Custom: []config.LogPart{
		{Verb: "s"}, {Text: " "}, {Verb: "B"},
	}}, &out)
	resp, err := a.Calls(next).RoundTrip(request("http://h/a?key=secret"))
	if err == nil {
		read(resp)
	}
	a.Close()
	return out.String()
}

func TestATunnelIsNotWrapped(t *testing.T) {
	tunnel := io.NopCloser(strings.NewReader("x"))
	got := call(t, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 101, Body: tunnel}, nil
	}, func(resp *http.Response) {
		if resp.Body != tunnel {
			t.Errorf("the body is a %T", resp.Body)
		}
	})
	if got != "101 0\n" {
		t.Errorf("got %q", got)
	}
}

func TestABodyThatIsReadAndClosedHasOneLine(t *testing.T) {
	answer := func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("12345"))}, nil
	}
	whole := func(resp *http.Response) { _, _ = io.Copy(io.Discard, resp.Body); _ = resp.Body.Close() }
	cut := func(resp *http.Response) {
		_, _ = io.ReadFull(resp.Body, make([]byte, 2))
		_ = resp.Body.Close()
		_ = resp.Body.Close()
	}
	if got := call(t, answer, whole); got != "200 5\n" {
		t.Errorf("whole: got %q", got)
	}
	if got := call(t, answer, cut); got != "200 2\n" {
		t.Errorf("cut: got %q", got)
	}
}

func TestAFailureIsToldInOneWord(t *testing.T) {
	ended, end := context.WithCancelCause(t.Context())
	end(context.DeadlineExceeded)
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{t.Context(), errors.New("http://user:secret@host"), "error"},
		{t.Context(), context.Canceled, "canceled"},
		{t.Context(), os.ErrDeadlineExceeded, "timeout"},
		{ended, context.Canceled, "timeout"},
	} {
		if got := whyFailed(c.ctx, c.err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.err, got, c.want)
		}
	}
	if got := call(t, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, nil); got != "- 0\n" {
		t.Errorf("got %q", got)
	}
}
