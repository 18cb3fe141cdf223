package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkRoundTrip compares one request after the other on loopback: 1 KB answers,
// without a body and with one that streams. The server's own work is in both.
func BenchmarkRoundTrip(b *testing.B) {
	answer := []byte(strings.Repeat("0123456789abcdef", 64))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	defer server.Close()
	for _, c := range []struct {
		name string
		body string
	}{{"GET", ""}, {"POST", string(answer)}} {
		b.Run(c.name, func(b *testing.B) {
			for _, t := range contenders(b) {
				b.Run(t.name, func(b *testing.B) { roundTrips(b, t, server.URL, c.body) })
			}
		})
	}
}

type contender struct {
	name string
	http.RoundTripper
}

func contenders(t testing.TB) []contender {
	ours, theirs := &Transport{MaxIdleConnsPerHost: 250}, &http.Transport{MaxIdleConnsPerHost: 250}
	t.Cleanup(ours.CloseIdleConnections)
	t.Cleanup(theirs.CloseIdleConnections)
	return []contender{{"http1", ours}, {"http.Transport", theirs}}
}

func roundTrips(b *testing.B, t http.RoundTripper, address, body string) {
	target, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		chunk := make([]byte, 32<<10)
		for pb.Next() {
			if err := roundTrip(t, target, body, chunk); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func roundTrip(t http.RoundTripper, target *url.URL, body string, chunk []byte) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req := &http.Request{Method: http.MethodGet, URL: target, Header: http.Header{
		"User-Agent": {"bench"}, "Accept": {"application/json"}, "X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"api.example"},
	}}
	if body != "" {
		req.Method, req.ContentLength = http.MethodPost, int64(len(body))
		req.Body = io.NopCloser(struct{ io.Reader }{strings.NewReader(body)})
	}
	resp, err := t.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	for {
		if _, err = resp.Body.Read(chunk); errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s", resp.Status)
	}
	return nil
}
