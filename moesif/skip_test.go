package moesif

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestExpressionsThatFailAreToldOfOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		u := unskipped{logger: slog.New(slog.NewTextHandler(&log, nil))}
		lines := func() int { return strings.Count(log.String(), "should_skip could not be evaluated") }
		for range 120 { // two minutes
			u.note(errors.New("no such key: X-A"))
			time.Sleep(time.Second)
		}
		if lines() != 2 || !strings.Contains(log.String(), "events=60") || !strings.Contains(log.String(), "no such key: X-A") {
			t.Errorf("got %s", &log)
		}
	})
}
