package limit

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestWeightsAreReadOfTheAnswer(t *testing.T) {
	zip := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return b.String()
	}
	for _, tt := range []struct {
		name   string
		weight weight
		body   string
		header http.Header
		want   int64
	}{
		{"a header", weight{In: "header", Key: "X-Tokens"}, "", http.Header{"X-Tokens": {" 42 "}}, 42},
		{"no header", weight{In: "header", Key: "X-Tokens"}, "", http.Header{}, 1},
		{"a word", weight{In: "header", Key: "X-Tokens"}, "", http.Header{"X-Tokens": {"many"}}, 1},
		{"less than nothing", weight{In: "header", Key: "X-Tokens"}, "", http.Header{"X-Tokens": {"-5"}}, 1},
		{"nothing", weight{In: "header", Key: "X-Tokens"}, "", http.Header{"X-Tokens": {"0"}}, 0},
		{"a number", weight{In: "body", Key: "tokens"}, `{"tokens":7}`, nil, 7},
		{"a number inside", weight{In: "body", Key: "usage.total"}, ` {"a":[1],"usage":{"total":12,"in":5}} `, nil, 12},
		{"text", weight{In: "body", Key: "tokens"}, `{"tokens":"7"}`, nil, 7},
		{"a fraction", weight{In: "body", Key: "tokens"}, `{"tokens":7.5}`, nil, 1},
		{"not there", weight{In: "body", Key: "a.b"}, `{"a":3}`, nil, 1},
		{"not JSON", weight{In: "body", Key: "a"}, `<a/>`, nil, 1},
		{"packed", weight{In: "body", Key: "n"}, zip(`{"n":9}`), http.Header{"Content-Encoding": {"gzip"}}, 9},
		{"packed and broken", weight{In: "body", Key: "n"}, `{"n":9}`, http.Header{"Content-Encoding": {"gzip"}}, 1},
		{"too long to look into", weight{In: "body", Key: "n"}, `{"n":9,"pad":"` + strings.Repeat("x", longestAware) + `"}`, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := &http.Response{Header: tt.header, Body: io.NopCloser(strings.NewReader(tt.body))}
			var got []int64
			tt.weight.of(resp, func(n int64) { got = append(got, n) })
			if body, err := io.ReadAll(resp.Body); string(body) != tt.body || err != nil {
				t.Errorf("the body is changed: %d bytes, %v", len(body), err)
			}
			_ = resp.Body.Close()
			if len(got) != 1 || got[0] != tt.want {
				t.Errorf("charged %v, want %d", got, tt.want)
			}
		})
	}
}

func FuzzWeightInBody(f *testing.F) {
	f.Add([]byte(`{"a":{"b":3}}`), false)
	f.Add([]byte("\x1f\x8b"), true)
	f.Fuzz(func(t *testing.T, body []byte, packed bool) {
		if n := (weight{In: "body", Key: "a.b"}).in(body, packed); n < 0 || n > mostWeight {
			t.Errorf("weighs %d", n)
		}
	})
}
