package scan

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

var wants = []Kinds{nothing, Keys, EscapedStrings, Keys | EscapedStrings, Brackets, Keys | Brackets, 1 << Number, everything}

func TestSeekStopsOnlyWhereItIsAsked(t *testing.T) {
	const data = `{"a":[1,"x","y\n",{"b":null}],"c\u0041":{"d":"\\"}} `
	for want, expected := range map[Kinds]string{
		nothing:               `}`,
		Keys:                  `"a" "b" "c\u0041" "d" }`,
		EscapedStrings:        `"y\n" "\\" }`,
		Keys | EscapedStrings: `"a" "y\n" "b" "c\u0041" "d" "\\" }`,
		Brackets:              `{ [ { } ] { } }`,
	} {
		s := New([]byte(data))
		var got []string
		for {
			token, err := s.Seek(want)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(s.Bytes(token)))
		}
		if strings.Join(got, " ") != expected {
			t.Errorf("%b: got %s, want %s", want, got, expected)
		}
	}
}

func TestSeekKeepsItsPlaceBetweenDocuments(t *testing.T) {
	s := New([]byte(`{"a":{"b":1}} {"c":2} 3`))
	var got []string
	for s.More() {
		for {
			token, err := s.Seek(Keys)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(s.Bytes(token)), strconv.Itoa(s.Depth()))
			if s.Depth() == 0 {
				break
			}
		}
	}
	if strings.Join(got, " ") != `"a" 1 "b" 2 } 0 "c" 1 } 0 3 0` {
		t.Errorf("got %s", got)
	}
}

func TestTraits(t *testing.T) {
	for data, want := range map[string]Traits{
		`{"a":[1,-2.5,"x\n\\"]}`: 0,
		`"é"`:                    NotASCII,
		`["long enough for whole words, then é"]`: NotASCII,
		`{"é":1}`:                              NotASCII,
		`"\u0041\ud7ff\ue000"`:                 0,
		`"\udBff"`:                             Surrogates,
		`["text before \"the\" escape\uD800"]`: Surrogates,
		`"\\ud800"`:                            0,
		`1e5`:                                  WideNumbers,
		`[-1.5E-5]`:                            WideNumbers,
		strings.Repeat("9", wideNumber):        WideNumbers,
		strings.Repeat("9", wideNumber-1):      0,
	} {
		if got, ok := Inspect([]byte(data), MaxDepth); got != want || !ok {
			t.Errorf("%.40s: got %b, %v; want %b", data, got, ok, want)
		}
	}
	s := New([]byte("\x1e1"))
	if !s.More() || s.Traits() != Separators {
		t.Errorf("a record separator: %b", s.Traits())
	}
}

// checkSeek compares Seek with Next, token by token.
func checkSeek(t *testing.T, data []byte, want Kinds) {
	all, some := New(data), New(data)
	for {
		a, errA := all.Next()
		escaped := a.Kind == String && bytes.IndexByte(all.Bytes(a), '\\') >= 0
		if errA == nil && want>>a.Kind&1 == 0 && (want&EscapedStrings == 0 || !escaped) && all.Depth() > 0 {
			continue
		}
		b, errB := some.Seek(want)
		if a != b || all.Depth() != some.Depth() || all.pos != some.pos || (errA == nil) != (errB == nil) || errA != nil && errA.Error() != errB.Error() {
			t.Fatalf("%q: seeking %b gives %v, %v at %d; reading %v, %v at %d", data, want, b, errB, some.pos, a, errA, all.pos)
		}
		if errA != nil {
			return
		}
	}
}

var surrogate = regexp.MustCompile(`^([^\\]|\\[^u]|\\u[^dD]|\\u[dD][0-7])*\\u[dD][89a-fA-F]`)

// checkTraits compares what Inspect says with the slow way to know it.
func checkTraits(t *testing.T, data []byte) {
	traits, ok := Inspect(data, MaxDepth)
	if !ok {
		return
	}
	for _, c := range data {
		if c >= utf8.RuneSelf && traits&NotASCII == 0 {
			t.Fatalf("%q: not seen to be no ASCII", data)
		}
	}
	for s := New(data); ; {
		token, err := s.Next()
		if err != nil {
			return
		}
		raw := s.Bytes(token)
		if token.Kind == Number && traits&WideNumbers == 0 {
			if _, err := strconv.ParseFloat(string(raw), 64); err != nil {
				t.Fatalf("%q: %s is wide", data, raw)
			}
		}
		if (token.Kind == String || token.Kind == Key) && traits&Surrogates == 0 && surrogate.Match(raw) {
			t.Fatalf("%q: %s has half a pair", data, raw)
		}
	}
}
