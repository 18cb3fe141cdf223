//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Moods of the collector, the first part of its paths.
const (
	healthy     = "healthy"
	hung        = "hung"        // takes requests and never answers
	unavailable = "unavailable" // answers 503
	slow        = "slow"        // answers after 5 s
)

// collector speaks as much of the collector API as a gateway needs. Every mood
// serves a gateway its first documents, so that all have the same rules; what
// comes after that suffers from the mood.
type collector struct {
	mux           *http.ServeMux
	config, rules document

	mu     sync.Mutex // guards the fields below
	bodies [][]byte   // batches that were not counted yet: that waits until nothing is measured
	took   tally
}

// document is what a GET returns.
type document struct {
	body []byte
	tag  string
}

// tally is what a collector has got; the answer to /tally.
type tally struct {
	Events     int   `json:"events"`
	Raw        int64 `json:"raw"`        // bytes
	Compressed int64 `json:"compressed"` // bytes, as they came
	GzipFast   int64 `json:"gzip_fast"`  // bytes by the standard library's gzip -1
	Rules      int   `json:"rules"`      // times the rules were fetched
}

func newCollector(customers int) (*collector, error) {
	rules, err := rulesDocument()
	if err != nil {
		return nil, err
	}
	config, err := configDocument(customers)
	if err != nil {
		return nil, err
	}
	c := &collector{mux: http.NewServeMux(), config: newDocument(config), rules: newDocument(rules)}
	for mood, wait := range map[string]func(context.Context) int{
		healthy:     func(context.Context) int { return http.StatusCreated },
		unavailable: func(context.Context) int { return http.StatusServiceUnavailable },
		slow:        func(ctx context.Context) int { return after(ctx, 5*time.Second) },
		hung:        func(ctx context.Context) int { return after(ctx, time.Hour) },
	} {
		c.mux.HandleFunc("POST /"+mood+"/v1/events/batch", func(w http.ResponseWriter, r *http.Request) { c.batch(w, r, wait) })
		c.mux.HandleFunc("GET /"+mood+"/v1/config", func(w http.ResponseWriter, r *http.Request) { c.document(w, r, c.config, wait) })
		c.mux.HandleFunc("GET /"+mood+"/v1/rules", func(w http.ResponseWriter, r *http.Request) { c.document(w, r, c.rules, wait) })
	}
	c.mux.HandleFunc("GET /tally", c.tally)
	return c, nil
}

func newDocument(body []byte) document {
	sum := sha256.Sum256(body)
	return document{body, hex.EncodeToString(sum[:8])}
}

// after is a status that comes late.
func after(ctx context.Context, wait time.Duration) int {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return http.StatusCreated
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Moesif-Config-ETag", c.config.tag)
	w.Header().Set("X-Moesif-Rules-Tag", c.rules.tag)
	c.mux.ServeHTTP(w, r)
}

// batch takes events, in its mood.
func (c *collector) batch(w http.ResponseWriter, r *http.Request, mood func(context.Context) int) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the gateway gave up
	}
	status := mood(r.Context())
	if status == http.StatusCreated && r.Context().Err() == nil {
		c.mu.Lock()
		c.bodies = append(c.bodies, body)
		c.mu.Unlock()
	}
	w.WriteHeader(status)
}

// document serves one to who has none yet. Who has it waits for a change that
// never comes: for as long as it would like to (RFC 7240), or for the mood.
func (c *collector) document(w http.ResponseWriter, r *http.Request, d document, mood func(context.Context) int) {
	h := w.Header()
	h.Set("ETag", `"`+d.tag+`"`)
	wait, waits := strings.CutPrefix(r.Header.Get("Prefer"), "wait=")
	if waits {
		h.Set("Preference-Applied", "wait")
	}
	if !strings.Contains(r.Header.Get("If-None-Match"), d.tag) {
		if d.tag == c.rules.tag {
			c.mu.Lock()
			c.took.Rules++
			c.mu.Unlock()
		}
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(d.body)))
		_, _ = w.Write(d.body) // the gateway is gone
		return
	}
	if status := mood(r.Context()); status != http.StatusCreated {
		w.WriteHeader(status)
		return
	}
	if seconds, err := strconv.Atoi(wait); waits && err == nil {
		after(r.Context(), time.Duration(seconds)*time.Second)
	}
	w.WriteHeader(http.StatusNotModified)
}

// tally counts what has come since it was asked last.
func (c *collector) tally(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	bodies := c.bodies
	c.bodies = nil
	c.mu.Unlock()
	var more tally
	for _, body := range bodies {
		if err := more.add(body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	c.mu.Lock()
	c.took.Events += more.Events
	c.took.Raw += more.Raw
	c.took.Compressed += more.Compressed
	c.took.GzipFast += more.GzipFast
	all := c.took
	c.mu.Unlock()
	_ = json.NewEncoder(w).Encode(all) // who asked is gone
}

// add counts a batch. Every event has one transaction id.
func (t *tally) add(body []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	t.Events += bytes.Count(text, []byte(`"transaction_id":"`))
	t.Raw += int64(len(text))
	t.Compressed += int64(len(body))

	var again bytes.Buffer
	fast, err := gzip.NewWriterLevel(&again, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := fast.Write(text); err != nil {
		return err
	}
	if err := fast.Close(); err != nil {
		return err
	}
	t.GzipFast += int64(again.Len())
	return nil
}
