package queue

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logTo is a logger that calls f with each record in words.
func logTo(f func(string)) *slog.Logger { return slog.New(logFunc(f)) }

type logFunc func(string)

func (f logFunc) Enabled(context.Context, slog.Level) bool { return true }
func (f logFunc) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f logFunc) WithGroup(string) slog.Handler            { return f }
func (f logFunc) Handle(_ context.Context, r slog.Record) error {
	words := []string{r.Message}
	r.Attrs(func(a slog.Attr) bool {
		words = append(words, a.String())
		return true
	})
	f(strings.Join(words, " "))
	return nil
}

func TestLossesAreLoggedOnceAMinuteWithCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged []string
		q := open(t, Options{MaxEvents: 1, Logger: logTo(func(s string) {
			s, _, _ = strings.Cut(s, " queued_bytes") // raw or sealed, as it happens
			logged = append(logged, s)
		})})
		defer q.Close()
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if strings.Join(logged, "\n") != strings.Join(want, "\n") {
				t.Fatalf("got\n%s\nwant\n%s", strings.Join(logged, "\n"), strings.Join(want, "\n"))
			}
			logged = nil
		}
		q.Put(item(0))
		expect()
		q.Put(item(1))
		expect("moesif: events dropped full_events=1 queued=1")
		for i := range 59 {
			q.Put(item(i))
			pass(time.Second)
		}
		synctest.Wait()
		pass(time.Second)
		expect("moesif: events dropped full_events=59 queued=1")
		pass(10 * time.Minute)
		expect()
		q.Done(q.TryTake(), map[string]int{"too_old": 1})
		expect("moesif: events rejected by the collector too_old=1")
		q.Put(item(2))
		q.Put(item(3))
		q.Close()
		expect("moesif: events dropped full_events=1 queued=1")
	})
}
