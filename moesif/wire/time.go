package wire

import (
	"fmt"
	"time"
)

// ParseTime reads a timestamp as any SDK sends it (Moesif wire 2.4): RFC 3339
// with or without a zone (none is UTC), with any number of fractional digits, a
// T or a space in the middle. The result is in UTC, cut to microseconds.
func ParseTime(s string) (time.Time, error) {
	t, ok := parseTime(s)
	if !ok {
		return time.Time{}, fmt.Errorf("not a timestamp: %s", quoted(s))
	}
	return t, nil
}

func parseTime(s string) (time.Time, bool) {
	const shortest = len("2006-01-02T15:04:05")
	if len(s) < shortest || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	if c := s[10]; c != 'T' && c != 't' && c != ' ' {
		return time.Time{}, false
	}
	fields := [6]int{}
	for i, at := range [6][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}} {
		n, ok := number(s[at[0]:at[1]])
		if !ok {
			return time.Time{}, false
		}
		fields[i] = n
	}
	year, month, day := fields[0], time.Month(fields[1]), fields[2]
	hour, minute, second := fields[3], fields[4], fields[5]
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	micros, rest, ok := fraction(s[shortest:])
	if !ok {
		return time.Time{}, false
	}
	offset, ok := zone(rest)
	if !ok {
		return time.Time{}, false
	}
	if day > 28 && day != time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Day() {
		return time.Time{}, false
	}
	t := time.Date(year, month, day, hour, minute, second, micros*1000, time.UTC).Add(-offset)
	return t, 1 < year && year < 9999 || t.Year() >= 1 && t.Year() <= 9999
}

// fraction reads an optional ".123" and returns it in microseconds, with what
// stands behind it.
func fraction(s string) (micros int, rest string, ok bool) {
	if s == "" || (s[0] != '.' && s[0] != ',') {
		return 0, s, true
	}
	i, unit := 1, 100_000
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		micros += int(s[i]-'0') * unit
		unit /= 10
	}
	return micros, s[i:], i > 1
}

// zone reads "", Z, +hh, +hhmm or +hh:mm.
func zone(s string) (time.Duration, bool) {
	if s == "" || s == "Z" || s == "z" {
		return 0, true
	}
	sign := time.Duration(1)
	switch s[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return 0, false
	}
	hours, minutes := s[1:], "00"
	switch {
	case len(s) == 6 && s[3] == ':':
		hours, minutes = s[1:3], s[4:]
	case len(s) == 5:
		hours, minutes = s[1:3], s[3:]
	case len(s) != 3:
		return 0, false
	}
	h, okHours := number(hours)
	m, okMinutes := number(minutes)
	if !okHours || !okMinutes || h > 23 || m > 59 {
		return 0, false
	}
	return sign * (time.Duration(h)*time.Hour + time.Duration(m)*time.Minute), true
}

// number reads decimal digits and nothing else.
func number(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
