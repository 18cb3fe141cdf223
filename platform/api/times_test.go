package api

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestInstantsAreAbsoluteOrRelative(t *testing.T) {
	for in, want := range map[string]time.Time{
		"":                          {},
		"now":                       noon,
		"-90s":                      noon.Add(-90 * time.Second),
		"-15m":                      noon.Add(-15 * time.Minute),
		"-1h":                       noon.Add(-time.Hour),
		"-7d":                       noon.AddDate(0, 0, -7),
		"-2w":                       noon.AddDate(0, 0, -14),
		"2026-11-22T11:00:00Z":      noon.Add(-time.Hour),
		"2026-11-22T12:00:00+01:00": noon.Add(-time.Hour),
		"2026-11-22T11:00:00.5Z":    noon.Add(-time.Hour + 500*time.Millisecond),
	} {
		if got, err := parseInstant(in, noon); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"-", "-h", "-0d", "-1y", "--1h", "-1.5h", "-99999999d", "yesterday", "2026-11-22", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"} {
		if got, err := parseInstant(in, noon); err == nil {
			t.Errorf("%q is read as %v", in, got)
		}
	}
}

func TestRangeEndsNowUnlessSaidOtherwise(t *testing.T) {
	s, err := parseSpan("", "", noon.Add(300*time.Millisecond), time.Hour)
	if err != nil || !s.to.Equal(noon.Add(time.Second)) || s.to.Sub(s.from) != time.Hour {
		t.Errorf("got %v, %v", s, err)
	}
	if s, err = parseSpan("", "", noon, 0); err != nil || !s.from.IsZero() || !s.to.IsZero() {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err = parseSpan("now", "-1h", noon, 0); err == nil {
		t.Error("a range that ends before it begins is taken")
	}
}

func FuzzInstantsNeverFail(f *testing.F) {
	f.Add("-1h")
	f.Add("2026-11-22T12:00:00Z")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := parseInstant(in, noon)
		if err == nil && in != "" && (got.Year() < 1900 || got.Year() > 2200) {
			t.Errorf("%q is read as %v", in, got)
		}
	})
}
