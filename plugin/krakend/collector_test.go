package main

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// collector is a collector on a socket. It keeps the events it gets, and serves
// rules.
type collector struct {
	*httptest.Server
	rules  []wire.Rule
	served chan struct{} // capacity 1: the rules were fetched

	mu      sync.Mutex // guards events
	events  []wire.Event
	arrived chan struct{} // capacity 1: something has arrived
}

func newCollector(t *testing.T, rules ...wire.Rule) *collector {
	t.Helper()
	c := &collector{rules: rules, served: make(chan struct{}, 1), arrived: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/events/batch", c.batch)
	mux.HandleFunc("GET /v1/config", func(w http.ResponseWriter, _ *http.Request) {
		c.document(w, wire.AppConfig{SampleRate: 100})
	})
	mux.HandleFunc("GET /v1/rules", func(w http.ResponseWriter, _ *http.Request) {
		c.document(w, append([]wire.Rule{}, c.rules...))
		signal(c.served)
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) document(w http.ResponseWriter, d any) {
	w.Header().Set(wire.ConfigTagHeader, "1")
	w.Header().Set(wire.RulesTagHeader, "1")
	w.Header().Set("ETag", `"1"`)
	_ = json.NewEncoder(w).Encode(d)
}

func (c *collector) batch(w http.ResponseWriter, r *http.Request) {
	body, err := gzip.NewReader(r.Body)
	var batch []json.RawMessage
	if err == nil {
		err = json.NewDecoder(body).Decode(&batch)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range batch {
		var e wire.Event
		if e, err = wire.DecodeEvent(text); err != nil {
			break
		}
		c.events = append(c.events, e)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
	signal(c.arrived)
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// stored are the events that have arrived, by the path they were called at.
func (c *collector) stored(t *testing.T) map[string]wire.Event {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	byPath := map[string]wire.Event{}
	for i := range c.events {
		path := pathOf(t, &c.events[i])
		if _, again := byPath[path]; again {
			t.Errorf("%s was reported twice", path)
		}
		byPath[path] = c.events[i]
	}
	return byPath
}

// await waits for the event of a path.
func (c *collector) await(t *testing.T, path string) wire.Event {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if e, ok := c.stored(t)[path]; ok {
			return e
		}
		select {
		case <-c.arrived:
		case <-deadline:
			t.Fatalf("no event of %s has arrived", path)
		}
	}
}
