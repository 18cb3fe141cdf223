package config

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// KrakenD decodes weakly (KrakenD v3, 1.1): a number may be written as text,
// a text as a number, and an empty text is zero. The functions here say what a
// value of the file is when it is read as a type, and whether it can be.

func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		if v {
			return "1", true
		}
		return "0", true
	case json.Number:
		return string(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

func asBool(v any) (is, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		if v == "" {
			return false, true
		}
		is, err := strconv.ParseBool(v)
		return is, err == nil
	}
	n, ok := asFloat(v)
	return n != 0, ok
}

// asInt takes whole numbers only: 8080, 8080.0, "8080", "0x1F90".
func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return v, true
	case string:
		if v == "" {
			return 0, true
		}
		n, err := strconv.ParseInt(v, 0, 64)
		return n, err == nil
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, true
		}
	}
	f, ok := asFloat(v)
	const exact = 1 << 53 // beyond it a float is not one whole number
	if !ok || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// asDuration reads Go's durations. A bare number is a count of nanoseconds,
// which is seldom what was meant.
func asDuration(v any) (d time.Duration, bare, ok bool) {
	if s, is := v.(string); is {
		d, err := time.ParseDuration(s)
		return d, false, err == nil
	}
	f, ok := asFloat(v)
	if !ok || math.Abs(f) >= math.MaxInt64 || f != f {
		return 0, true, false
	}
	return time.Duration(f), true, true
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		return f, err == nil
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
