package api

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errInstant = errors.New(`must be a time as in RFC 3339 (2026-11-22T10:00:00Z), relative (-15m, -1h, -7d) or now`)

// maxAgo bounds relative times; more overflows a duration.
const maxAgo = 100 * 365 * 24 * time.Hour

// parseInstant reads a point in time; "" is the zero time.
func parseInstant(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if s == "now" {
		return now, nil
	}
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		d, err := parseDuration(ago)
		if err != nil || d == 0 {
			return time.Time{}, errInstant
		}
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1900 || t.Year() > 2200 {
		return time.Time{}, errInstant
	}
	return t.UTC(), nil
}

// parseDuration reads a whole number and its unit: s, m, h, d or w; a number
// without one is in seconds. "" is 0.
func parseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	unit, digits := time.Second, s
	if n := len(s) - 1; n > 0 && units[s[n]] > 0 {
		unit, digits = units[s[n]], s[:n]
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n == 0 || n > uint64(maxAgo/unit) {
		return 0, errors.New("must be a whole number with a unit: 30s, 5m, 1h, 7d")
	}
	return time.Duration(n) * unit, nil
}

// span is a range of time; zero ends are open.
type span struct{ from, to time.Time }

// parseSpan reads from and to. Where one is missing, the range ends now and is
// as long as length; a length of 0 leaves it open.
func parseSpan(from, to string, now time.Time, length time.Duration) (span, error) {
	var s span
	var err error
	if s.from, err = parseInstant(from, now); err != nil {
		return s, unprocessable("query.from", err.Error())
	}
	if s.to, err = parseInstant(to, now); err != nil {
		return s, unprocessable("query.to", err.Error())
	}
	if length > 0 && s.to.IsZero() {
		// The next second: to is exclusive, and what happened this very moment counts.
		s.to = now.Truncate(time.Second).Add(time.Second)
	}
	if length > 0 && s.from.IsZero() {
		s.from = s.to.Add(-length)
	}
	if !s.from.IsZero() && !s.to.IsZero() && !s.from.Before(s.to) {
		return s, unprocessable("query.from", "must be before to")
	}
	return s, nil
}
