package library_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector stands for https://api.moesif.net, or a platform of one's own.
type collector struct {
	*httptest.Server

	mu     sync.Mutex // guards events
	events []wire.Event
}

func newCollector() *collector {
	c := &collector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/events/batch", c.batch)
	mux.HandleFunc("GET /v1/config", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"sample_rate":100}`) })
	mux.HandleFunc("GET /v1/rules", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) })
	c.Server = httptest.NewServer(mux)
	return c
}

func (c *collector) batch(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var batch []json.RawMessage
	body, err := gzip.NewReader(r.Body)
	if err == nil {
		err = json.NewDecoder(body).Decode(&batch)
	}
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
}

// print prints what arrived, in the order of the requests, and closes the collector.
func (c *collector) print() {
	c.Close()
	slices.SortFunc(c.events, func(a, b wire.Event) int { return a.Request.Time.Compare(b.Request.Time) })
	for i := range c.events {
		e := &c.events[i]
		var own map[string]any
		if err := json.Unmarshal(e.Metadata, &own); err != nil {
			log.Println(err)
		}
		delete(own, "gatemeter")
		g, _ := e.Gatemeter()
		u, err := url.Parse(e.Request.URI)
		if err != nil {
			log.Println(err)
			continue
		}
		fmt.Println(strings.Join(slices.DeleteFunc([]string{
			e.Direction, e.Request.Verb, u.Path, fmt.Sprint(e.Response.Status),
			field("route", g.Route), field("user", e.UserID), field("company", e.CompanyID),
			field("session", e.SessionToken), field("identity", g.Identity), field("metadata", own),
		}, func(s string) bool { return s == "" }), " "))
	}
}

// field writes name=value, and nothing for an empty value.
func field[V string | map[string]any](name string, value V) string {
	if len(value) == 0 {
		return ""
	}
	return fmt.Sprintf("%s=%v", name, value)
}

// newIntegration starts an integration that reports to c.
func newIntegration(c *collector, o moesif.Options) *moesif.Integration {
	config, problems := moesif.ParseConfig(map[string]any{
		"application_id":   "your-application-id",
		"collector_url":    c.URL,
		"user_id_headers":  []any{"X-User"},
		"identify_company": map[string]any{"header": "X-Company"},
	})
	integration, err := moesif.New(config, o)
	if err := errors.Join(append(problems, err)...); err != nil {
		log.Panic(err)
	}
	return integration
}

// finish ends a service, delivers, and prints what the collector got.
func finish(service *httptest.Server, integration *moesif.Integration, c *collector) {
	service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := integration.Close(ctx); err != nil {
		log.Println(err)
	}
	c.print()
}

// get calls a service as a customer does.
func get(url string, headers ...string) {
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		log.Panic(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Panic(err)
	}
	_ = answer.Body.Close()
}
