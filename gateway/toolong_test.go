package gateway

import (
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// allocated is how many bytes f allocates, alone or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// KrakenD reads on. Chosen here: what is decoded has a bound, what streams has none.
func TestAnswersTooLongToDecodeAre500(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		text := `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}`
		switch r.URL.Path {
		case "/announced":
			w.Header().Set("Content-Length", strconv.Itoa(n))
			_, _ = io.WriteString(w, text)
		case "/chunked":
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, text)
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, text)
			_ = z.Close()
		}
	})
	const endpoint = `{"endpoint": "/%s/{how}", "input_query_strings": ["n"], "input_headers": ["Accept-Encoding"], "backend": [
		{"url_pattern": "/{how}", %s "extra_config": {"backend/http/client": {"max_response_size": 1000}}}]}`
	var log lines
	g := runAs(t, serviceOfFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [`+
		fmt.Sprintf(endpoint, "json", "")+","+fmt.Sprintf(endpoint, "shaped", `"group": "g",`)+","+fmt.Sprintf(endpoint, "string", `"encoding": "string",`)+
		`,{"endpoint": "/stream/{how}", "input_query_strings": ["n"], "output_encoding": "no-op", "backend": [
		{"url_pattern": "/{how}", "extra_config": {"backend/http/client": {"max_response_size": 1000}}}]}]}`),
		Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, kind := range []string{"json", "shaped", "string", "stream"} {
		for _, how := range []string{"announced", "chunked", "gzip"} {
			for _, accept := range []string{"", "gzip"} { // unzipped by the transport, or by the decoder
				for n, status := range map[int]int{1000: 200, 1001: 500} {
					if kind == "stream" {
						status = 200
					}
					var headers []string
					if accept != "" {
						headers = []string{"Accept-Encoding: " + accept}
					}
					got := g.send(t, fmt.Sprintf("GET /%s/%s?n=%d", kind, how, n), "", headers...)
					if got.StatusCode != status || (got.Text == "") != (status == 500) {
						t.Errorf("%s %s of %d bytes, accepting %q: got %d %.40q", kind, how, n, accept, got.StatusCode, got.Text)
					}
				}
			}
		}
	}
	if want := "it is longer than 1000 bytes (backend/http/client.max_response_size allows more)"; strings.Count(log.String(), want) != 18 {
		t.Errorf("want 18 times %q in the log:\n%s", want, log.String())
	}
}

func TestAGzipBombIsUnpackedToItsBoundOnly(t *testing.T) {
	ended := make(chan error, 2)
	host := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		_, err := io.Copy(z, zeros{}) // it ends with the connection
		ended <- err
	})
	g := runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "30s", "endpoints": [
		{"endpoint": "/a", "input_headers": ["*"], "backend": [{"url_pattern": "/", "encoding": "string", "extra_config": {"backend/http/client": {"max_response_size": 1048576}}}]}]}`)
	for _, accept := range []string{"", "Accept-Encoding: gzip"} {
		headers := []string{}
		if accept != "" {
			headers = append(headers, accept)
		}
		var got reply
		used := allocated(func() { got = g.send(t, "GET /a", "", headers...) })
		if got.StatusCode != 500 || got.Text != "" {
			t.Errorf("%q: got %d %.40q", accept, got.StatusCode, got.Text)
		}
		if used > 32<<20 {
			t.Errorf("%q: %d MiB were allocated", accept, used>>20)
		}
		if err := heard(t, ended, "the end of the bomb"); err == nil {
			t.Error("the backend sent all of it")
		}
	}
}
