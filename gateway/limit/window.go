package limit

import "time"

// window is the calendar's second, minute, hour, day, week (from Monday), month or
// year that now is in, in UTC, and where the next one begins.
func window(unit string, now time.Time) (start, end time.Time) {
	now = now.UTC()
	year, month, day := now.Date()
	date := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	switch unit {
	case "minute":
		start = now.Truncate(time.Minute)
		return start, start.Add(time.Minute)
	case "hour":
		start = now.Truncate(time.Hour)
		return start, start.Add(time.Hour)
	case "day":
		return date(year, month, day), date(year, month, day+1)
	case "week":
		day -= (int(now.Weekday()) + 6) % 7
		return date(year, month, day), date(year, month, day+7)
	case "month":
		return date(year, month, 1), date(year, month+1, 1)
	case "year":
		return date(year, 1, 1), date(year+1, 1, 1)
	}
	start = now.Truncate(time.Second)
	return start, start.Add(time.Second)
}
