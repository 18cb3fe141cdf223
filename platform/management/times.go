package management

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // small machines have none

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// zone finds a time zone; "" is UTC.
func zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if len(name) > 64 || name == "Local" {
		return nil, bad("time_zone", "must be a name like Europe/Berlin (got %.64q)", name)
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, bad("time_zone", "must be a name like Europe/Berlin (got %q)", name)
	}
	return l, nil
}

// moment reads a point in time: RFC 3339 or a date, milliseconds since 1970, now,
// -24h and its like, which begin at the calendar's unit in the zone, or
// Elasticsearch's now-1d/d (Moesif wire, 7.1).
func moment(where, s string, now time.Time, in *time.Location) (time.Time, error) {
	wrong := bad(where, "must be a time as in RFC 3339, relative like -24h, -1d, -1w, -1M, or now (got %.64q)", s)
	if len(s) > 64 {
		return time.Time{}, wrong
	}
	if s == "now" {
		return now, nil
	}
	if rest, ok := strings.CutPrefix(s, "now"); ok {
		t, ok := dateMath(rest, now.In(in))
		if !ok {
			return time.Time{}, wrong
		}
		return t.UTC(), nil
	}
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		n, unit, ok := amount(rest)
		if !ok {
			return time.Time{}, wrong
		}
		return begin(add(now.In(in), -n, unit), unit).UTC(), nil
	}
	if ms, err := strconv.ParseFloat(s, 64); err == nil {
		if ms < -62e12 || ms > 253e12 || ms != ms {
			return time.Time{}, wrong
		}
		return time.UnixMicro(int64(ms*1000 + 0.5)).UTC(), nil
	}
	if t, err := wire.ParseTime(s); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation("2006-01-02", s, in); err == nil {
		return t.UTC(), nil
	}
	return time.Time{}, wrong
}

// dateMath applies steps like -1d and a last /d.
func dateMath(rest string, t time.Time) (time.Time, bool) {
	steps, round, rounds := strings.Cut(rest, "/")
	for steps != "" {
		sign := map[byte]int{'-': -1, '+': 1}[steps[0]]
		end := strings.IndexAny(steps[1:], "+-") + 1
		if end == 0 {
			end = len(steps)
		}
		n, unit, ok := amount(steps[1:end])
		if sign == 0 || !ok {
			return t, false
		}
		t, steps = add(t, sign*n, unit), steps[end:]
	}
	if !rounds {
		return t, true
	}
	if len(round) != 1 || !strings.Contains(units, round) {
		return t, false
	}
	return begin(t, round[0]), true
}

const units = "smhHdwMy"

// amount reads a whole number and its unit.
func amount(s string) (n int, unit byte, ok bool) {
	if len(s) < 2 || len(s) > 7 || !strings.Contains(units, s[len(s)-1:]) {
		return 0, 0, false
	}
	number, err := strconv.ParseUint(s[:len(s)-1], 10, 20)
	unit = s[len(s)-1]
	if years := map[byte]uint64{'y': 1, 'M': 12, 'w': 53, 'd': 366}[unit]; err != nil || years > 0 && number > 200*years {
		return 0, 0, false
	}
	return int(number), unit, true
}

func add(t time.Time, n int, unit byte) time.Time {
	switch unit {
	case 'y':
		return t.AddDate(n, 0, 0)
	case 'M':
		return t.AddDate(0, n, 0)
	case 'w':
		return t.AddDate(0, 0, 7*n)
	case 'd':
		return t.AddDate(0, 0, n)
	case 'h', 'H':
		return t.Add(time.Duration(n) * time.Hour)
	case 'm':
		return t.Add(time.Duration(n) * time.Minute)
	}
	return t.Add(time.Duration(n) * time.Second)
}

// begin is when the unit that t lies in began, in t's zone; weeks begin on Monday.
func begin(t time.Time, unit byte) time.Time {
	y, m, d := t.Date()
	switch unit {
	case 'y':
		return time.Date(y, 1, 1, 0, 0, 0, 0, t.Location())
	case 'M':
		return time.Date(y, m, 1, 0, 0, 0, 0, t.Location())
	case 'w':
		return time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, t.Location())
	case 'd':
		return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	case 'h', 'H':
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case 'm':
		return t.Truncate(time.Minute)
	}
	return t.Truncate(time.Second)
}
