package moesif

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// moody fails in turn, after it has read what was pushed, and then gives way to
// the collector. It remembers the events of every attempt by their ids.
type moody struct {
	*collector
	moods []func(*http.Request) (*http.Response, error)

	mu   sync.Mutex
	seen map[string]string // transaction_id to URI
	most int               // attempts for one id
	n    map[string]int
}

func (m *moody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return m.collector.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	mood, err := m.note(body)
	if err != nil {
		return nil, err
	}
	if mood != nil {
		return mood(r)
	}
	return m.collector.RoundTrip(r)
}

// note remembers a push and returns how to answer it; nil leaves it to the collector.
func (m *moody) note(body []byte) (mood func(*http.Request) (*http.Response, error), err error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	var batch []struct {
		Request struct{ URI string }
		ID      string `json:"transaction_id"`
	}
	if err := json.NewDecoder(z).Decode(&batch); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen, m.n = map[string]string{}, map[string]int{}
	}
	for _, e := range batch {
		if uri, known := m.seen[e.ID]; known && uri != e.Request.URI {
			return nil, fmt.Errorf("the id %s stands for %s and %s", e.ID, uri, e.Request.URI)
		}
		m.seen[e.ID] = e.Request.URI
		m.n[e.ID]++
		m.most = max(m.most, m.n[e.ID])
	}
	if len(m.moods) > 0 {
		mood, m.moods = m.moods[0], m.moods[1:]
	}
	return mood, nil
}

// ids are those of all attempts, in order.
func (m *moody) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.seen))
}

func TestARetryCarriesTheIdsOfTheFirstAttempt(t *testing.T) {
	lost := roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("the acknowledgement is lost") })
	synctest.Test(t, func(t *testing.T) {
		m := &moody{moods: []func(*http.Request) (*http.Response, error){
			replies(500, 0), lost, replies(502, 0), replies(429, 0), replies(413, 0), replies(503, 0), lost, replies(400, 0), replies(401, 0),
		}}
		g := start(t, `"batch_size":4`, func(o *Options) {
			m.collector = o.Transport.(*collector)
			o.Transport = m
		})
		for i := range 12 {
			call(g, http.NotFound, "GET", fmt.Sprintf("/%d", i))
		}
		<-time.After(10 * time.Minute)
		var stored []string
		for _, e := range g.drain(t) {
			stored = append(stored, e.TransactionID)
		}
		slices.Sort(stored)
		if len(stored) != 12 || !slices.Equal(stored, m.ids()) {
			t.Errorf("tried as %v\nstored as %v", m.ids(), stored)
		}
		if m.most < 3 || len(m.moods) > 0 {
			t.Errorf("at most %d attempts, %d moods are left", m.most, len(m.moods))
		}
	})
}

func TestIdsOutliveARestart(t *testing.T) {
	keys := `"batch_size":4,"spool_dir":` + quote(filepath.Join(t.TempDir(), "spool"))
	before, after := &moody{}, &moody{}
	first := start(t, keys, func(o *Options) {
		before.collector = o.Transport.(*collector)
		before.answer = func(int) int { return http.StatusServiceUnavailable }
		o.Transport = before
	})
	for i := range 12 {
		call(first, http.NotFound, "GET", fmt.Sprintf("/%d", i))
	}
	eventually(t, "a push was tried", func() bool { return len(before.ids()) > 0 })
	first.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := first.Close(ctx); err != nil {
		t.Fatal(err)
	}
	second := start(t, keys, func(o *Options) {
		after.collector = o.Transport.(*collector)
		o.Transport = after
	})
	if events := second.drain(t); len(events) != 12 {
		t.Errorf("%d events arrived", len(events))
	}
	for _, id := range before.ids() {
		if after.seen[id] == "" || after.seen[id] != before.seen[id] {
			t.Errorf("%s was tried as %s and arrived as %q", before.seen[id], id, after.seen[id])
		}
	}
}
