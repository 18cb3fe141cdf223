package push

import (
	"testing"
	"time"
	"unicode/utf8"
)

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"-7":                            0,
		"1.5":                           0,
		"soon":                          0,
		"9223372036854775807":           longestRetryAfter,
		"99999999999999999999999":       0,
		"Sun, 22 Nov 2026 10:00:30 GMT": 30 * time.Second,
		"Sun, 22 Nov 2026 09:59:30 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func FuzzRejections(f *testing.F) {
	f.Add([]byte(`{"rejected":[{"index":0,"reason":"too_old"}]}`), 2)
	f.Add([]byte(`{"rejected":[{"index":0},{"index":1,"reason":"\ud800"}]}`), 1)
	f.Add([]byte(`{"rejected":{}}`), 3)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		sum := 0
		for reason, k := range rejections(body, n) {
			if k <= 0 || reason == "" || len(reason) > 64 || !utf8.ValidString(reason) {
				t.Errorf("%q: %d", reason, k)
			}
			sum += k
		}
		if sum > max(0, n) {
			t.Errorf("%d rejected of %d", sum, n)
		}
	})
}
