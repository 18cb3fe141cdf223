package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// documents are valid; the fuzz targets start from them.
var documents = []string{
	`null`, `true`, ` false `, `0`, `-0.5e+10`, `12E3`, `""`, `"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, "\"\u00e9\xff\"",
	`{}`, `[]`, `[[],{}]`, `{"a":1,"b":[true,null,"x"],"":{"c":{}}}`, "\t{ \"a\" :\r\n[ 1 , 2 ] } ",
	`["a string longer than eight bytes, so that words are read at once","\u0000"]`,
}

var broken = []string{
	`}`, `[}`, `{]`, `[1,]`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `{"a"::1}`, `{1:2}`, `[1 2]`, `{"a":1 "b":2}`, `{,}`, `[,]`, `01`, `1.x`, `1ex`, `-x`, `+1`, `.5`,
	`truu`, `nul!`, `falsey`, `"\x"`, `"\u12g4"`, "\"\x01\"", "\"\n\"", `'a'`, `1 2`, `{} {}`, `NaN`, "\ufeff{}", "\v1",
}

func TestValid(t *testing.T) {
	for _, d := range documents {
		if !Valid([]byte(d)) {
			t.Errorf("%s: not valid", d)
		}
	}
	for _, d := range broken {
		if Valid([]byte(d)) {
			t.Errorf("%s: valid", d)
		}
		s := New([]byte(d))
		_, err := drain(&s)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %v, want a syntax error", d, err)
		}
	}
}

// drain reads all tokens.
func drain(s *Scanner) ([]Token, error) {
	var tokens []Token
	for {
		t, err := s.Next()
		if err != nil {
			return tokens, err
		}
		tokens = append(tokens, t)
	}
}

func TestTokensOfADocument(t *testing.T) {
	data := []byte(` {"a": [1, "x", {}], "b\n": null} `)
	s := New(data)
	tokens, err := drain(&s)
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var got []string
	for _, token := range tokens {
		got = append(got, fmt.Sprintf("%d:%s", token.Kind, s.Bytes(token)))
	}
	const want = `7:{ 6:"a" 9:[ 4:1 5:"x" 7:{ 8:} 10:] 6:"b\n" 1:null 8:}`
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestCutDocumentsAreToldFromBrokenOnes(t *testing.T) {
	for _, d := range documents {
		whole := New([]byte(d))
		all, _ := drain(&whole)
		for end := range len(d) {
			cut := New([]byte(d[:end]))
			tokens, err := drain(&cut)
			if !errors.Is(err, ErrCut) && !errors.Is(err, io.EOF) {
				t.Fatalf("%q: %v", d[:end], err)
			}
			for i, token := range tokens {
				if token != all[i] && token.Kind != Number {
					t.Fatalf("%q: token %d is %v, in the whole document %v", d[:end], i, token, all[i])
				}
			}
		}
	}
}

func TestTheTokenACutGoesThrough(t *testing.T) {
	for _, c := range []struct {
		data string
		want Token
	}{
		{`{"pass`, Token{Kind: Key, Start: 1, End: 6}},
		{`{"pass"`, Token{Start: 7, End: 7}},
		{`{"pass":`, Token{Start: 8, End: 8}},
		{`{"pass":"se\u00`, Token{Kind: String, Escaped: true, Start: 8, End: 15}},
		{`{"pass":-`, Token{Kind: Number, Start: 8, End: 9}},
		{`{"pass":tr`, Token{Kind: True, Start: 8, End: 10}},
		{`[1,`, Token{Start: 3, End: 3}},
	} {
		s := New([]byte(c.data))
		for {
			token, err := s.Next()
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrCut) || token != c.want {
				t.Errorf("%s: got %v, %v", c.data, token, err)
			}
			break
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if !Valid(nested(MaxDepth)) || Valid(nested(MaxDepth+1)) {
		t.Error("the bound is not MaxDepth")
	}
	valid := func(b []byte, depth int) bool {
		_, ok := Inspect(b, depth)
		return ok
	}
	if !valid(nested(3), 3) || valid(nested(4), 3) {
		t.Error("the bound is not the one asked for")
	}
	if valid(nested(MaxDepth+1), MaxDepth+100) {
		t.Error("a bound above MaxDepth was accepted")
	}
	mixed := []byte(strings.Repeat(`{"a":[`, MaxDepth/2) + strings.Repeat(`]}`, MaxDepth/2))
	if !Valid(mixed) {
		t.Error("objects and arrays are confused in the depth")
	}
}

func TestSkipReturnsValuesWhole(t *testing.T) {
	data := []byte(`[ {"a":[1,{"b":2}]} , "x", [] ,3]`)
	s := New(data)
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"a":[1,{"b":2}]}`, `"x"`, `[]`, `3`, `]`} {
		token, err := s.Skip()
		if err != nil || string(s.Bytes(token)) != want {
			t.Errorf("got %s, %v; want %s", s.Bytes(token), err, want)
		}
	}
	if s.Depth() != 0 {
		t.Errorf("depth %d after the end", s.Depth())
	}
}

func TestSequencesOfDocuments(t *testing.T) {
	s := New([]byte("\x1e {\"a\":1}\n\x1e[2]\r\n\n 3 \n"))
	var got []string
	for s.More() {
		token, err := s.Skip()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(s.Bytes(token)))
	}
	if strings.Join(got, " ") != `{"a":1} [2] 3` {
		t.Errorf("got %q", got)
	}
}

func TestScanningDoesNotAllocate(t *testing.T) {
	data := []byte(`{"a":[1,2,{"b":"c\n"}],"d":"` + strings.Repeat("x", 1000) + `"}`)
	if n := testing.AllocsPerRun(100, func() { Valid(data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScanner(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	for _, d := range broken {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		valid := Valid(data)
		if valid && !json.Valid(data) {
			t.Fatalf("valid here, not for encoding/json: %q", data)
		}
		s := New(data)
		deepest := 0
		end := 0
		for {
			token, err := s.Next()
			if err != nil {
				if valid != errors.Is(err, io.EOF) {
					t.Fatalf("valid is %v, the last error %v", valid, err)
				}
				break
			}
			if token.Start < end || token.End <= token.Start || token.End > len(data) {
				t.Fatalf("token %v after byte %d of %d", token, end, len(data))
			}
			end = token.End
			deepest = max(deepest, s.Depth())
			isText := token.Kind == String || token.Kind == Key
			if isText {
				checkText(t, s.Bytes(token))
			}
			if escaped := isText && bytes.IndexByte(s.Bytes(token), '\\') >= 0; token.Escaped != escaped {
				t.Fatalf("%s: escaped is %v", s.Bytes(token), token.Escaped)
			}
		}
		if !valid && deepest < MaxDepth && json.Valid(data) {
			t.Fatalf("valid for encoding/json, not here: %q", data)
		}
		checkPlain(t, string(data))
		checkMembers(t, data)
		checkSplit(t, data)
		for _, want := range wants {
			checkSeek(t, data, want)
		}
		checkTraits(t, data)
	})
}

func checkText(t *testing.T, raw []byte) {
	if !utf8.Valid(raw) {
		return
	}
	var want string
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if got := AppendText(nil, raw); string(got) != want {
		t.Fatalf("%s: got %q, want %q", raw, got, want)
	}
	for end := 1; end < len(raw); end++ {
		// The beginning of a literal gives the beginning of the text, but for half
		// of a pair.
		got := strings.TrimSuffix(string(AppendText(nil, raw[:end])), "\ufffd")
		if !strings.HasPrefix(want, got) {
			t.Fatalf("%s: the beginning gives %q, all of it %q", raw[:end], got, want)
		}
	}
}

func checkPlain(t *testing.T, text string) {
	want := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r >= utf8.RuneSelf || r == '"' || r == '\\' })
	if want < 0 {
		want = len(text)
	}
	if got := Plain(text); got != want {
		t.Fatalf("%q: %d bytes are plain, want %d", text, got, want)
	}
}

func checkMembers(t *testing.T, data []byte) {
	s := New(data)
	if begin, err := s.Next(); err != nil || begin.Kind != BeginObject {
		return
	}
	for {
		key, value, err := s.Member()
		if err != nil || value.Kind == EndObject {
			return
		}
		name := s.Bytes(key)
		if key.Kind != Key || key.Escaped != (bytes.IndexByte(name, '\\') >= 0) {
			t.Fatalf("%s: %v", name, key)
		}
		if _, err := s.Rest(value); err != nil {
			return
		}
	}
}

func checkSplit(t *testing.T, data []byte) {
	got, err := SplitArray(data)
	var want []json.RawMessage
	stdErr := json.Unmarshal(data, &want)
	if err != nil {
		return
	}
	if stdErr != nil || len(got) != len(want) {
		t.Fatalf("%d elements, encoding/json sees %d (%v)", len(got), len(want), stdErr)
	}
	for i := range got {
		if string(got[i]) != string(want[i]) {
			t.Fatalf("element %d: got %s, want %s", i, got[i], want[i])
		}
	}
}
