package moesif

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The weak types of KrakenD's parser (KrakenD v3, 1.1): a number or a flag may
// stand in quotes, and a scalar may stand where a list is expected.

var errEmpty = errors.New("must not be empty")

func errHeaderName(got string) error {
	return fmt.Errorf("must be the name of a header (got %q)", got)
}

// below is what is wrong deeper in a key's value, at a path like ".header" or "[1]".
type below struct {
	path string
	err  error
}

func (b *below) Error() string { return b.path + ": " + b.err.Error() }
func (b *below) Unwrap() error { return b.err }

func asString(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("must be a string (got %s)", show(value))
}

func asBool(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(v); err == nil {
			return b, nil
		}
	default:
		if n, err := asWhole(value); err == nil && (n == 0 || n == 1) {
			return n == 1, nil
		}
	}
	return false, fmt.Errorf("must be true or false (got %s)", show(value))
}

func asWhole(value any) (int64, error) {
	text := ""
	switch v := value.(type) {
	case int:
		return int64(v), nil
	case int64:
		return v, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil
	}
	return 0, fmt.Errorf("must be a whole number (got %s)", show(value))
}

func asStrings(value any) ([]string, error) {
	switch v := value.(type) {
	case []string:
		return append([]string(nil), v...), nil
	case []any:
		out := make([]string, 0, len(v))
		for i, item := range v {
			text, err := asString(item)
			if err != nil {
				return nil, &below{fmt.Sprintf("[%d]", i), err}
			}
			out = append(out, text)
		}
		return out, nil
	}
	text, err := asString(value)
	if err != nil {
		return nil, fmt.Errorf("must be a list of strings (got %s)", show(value))
	}
	return []string{text}, nil
}

func asHeaderNames(value any) ([]string, error) {
	names, err := asStrings(value)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		if !isToken(name) {
			return nil, &below{fmt.Sprintf("[%d]", i), errHeaderName(name)}
		}
	}
	return names, nil
}

// isToken reports whether s can be the name of a header (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return s != ""
}

// show writes a value for an error message, short.
func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("a %T", value)
	}
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(string(text[:most]), "") + "…"
	}
	return string(text)
}

// The setters that several keys share.

func text(field func(*Config) *string) func(*Config, any) error {
	return func(c *Config, value any) error {
		s, err := asString(value)
		if err != nil {
			return err
		}
		if s == "" {
			return errEmpty
		}
		*field(c) = s
		return nil
	}
}

// place is a path, "" for none.
func place(field func(*Config) *string) func(*Config, any) error {
	return func(c *Config, value any) error {
		s, err := asString(value)
		if err != nil {
			return err
		}
		*field(c) = s
		return nil
	}
}

func flag(field func(*Config) *bool) func(*Config, any) error {
	return func(c *Config, value any) error {
		b, err := asBool(value)
		if err != nil {
			return err
		}
		*field(c) = b
		return nil
	}
}

func whole[T int | int64](field func(*Config) *T, least, most int64) func(*Config, any) error {
	expected := fmt.Sprintf("must be a whole number of at least %d", least)
	if most < math.MaxInt32 {
		expected = fmt.Sprintf("must be a whole number from %d to %d", least, most)
	}
	return func(c *Config, value any) error {
		n, err := asWhole(value)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%s (got %s)", expected, show(value))
		}
		*field(c) = T(n)
		return nil
	}
}

func headerNames(field func(*Config) *[]string) func(*Config, any) error {
	return func(c *Config, value any) error {
		names, err := asHeaderNames(value)
		if err != nil {
			return err
		}
		*field(c) = names
		return nil
	}
}

func fieldNames(field func(*Config) *[]string) func(*Config, any) error {
	return func(c *Config, value any) error {
		names, err := asStrings(value)
		if err != nil {
			return err
		}
		for i, name := range names {
			if name == "" {
				return &below{fmt.Sprintf("[%d]", i), errEmpty}
			}
		}
		*field(c) = names
		return nil
	}
}
