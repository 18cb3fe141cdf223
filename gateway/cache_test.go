package gateway

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"
)

func TestAnswersOfABackendAreCached(t *testing.T) {
	var asked atomic.Int64
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = w.Write([]byte(`{"n":` + strconv.FormatInt(asked.Add(1), 10) + `,"at":"` + r.URL.String() + `"}`))
	})
	backend := func(extra string) string {
		return `"backend": [{"url_pattern": "/b/{id}", "extra_config": {"qos/http-cache": ` + extra + `}}]`
	}
	g := runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [
		{"endpoint": "/own/{id}", "output_encoding": "no-op", `+backend(`{}`)+`},
		{"endpoint": "/json/{id}", `+backend(`{"max_items": 10, "max_size": 100000}`)+`},
		{"endpoint": "/one/{id}", `+backend(`{"shared": true}`)+`},
		{"endpoint": "/two/{id}", `+backend(`{"shared": true}`)+`}]}`)
	for _, c := range []struct {
		path, text, cached string
	}{
		{"/own/1", `{"n":1,"at":"/b/1"}`, ""},
		{"/own/1", `{"n":1,"at":"/b/1"}`, "1"},
		{"/own/2", `{"n":2,"at":"/b/2"}`, ""},
		{"/json/1", `{"at":"/b/1","n":3}`, ""},
		{"/json/1", `{"at":"/b/1","n":3}`, ""}, // a decoded answer has none of the backend's headers
		{"/one/1", `{"at":"/b/1","n":4}`, ""},
		{"/two/1", `{"at":"/b/1","n":4}`, ""},
	} {
		got := g.send(t, "GET "+c.path, "")
		if !sameJSON(got.Text, c.text) || got.Header.Get("X-From-Cache") != c.cached {
			t.Errorf("%s: got %q %v", c.path, got.Text, got.Header)
		}
	}
}

func TestCachesSurviveManyAtOnce(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = w.Write([]byte(r.URL.Path))
	})
	g := runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [{"endpoint": "/a/{id}", "output_encoding": "no-op",
		"backend": [{"url_pattern": "/b/{id}", "extra_config": {"qos/http-cache": {"max_items": 3}}}]}]}`)
	done := make(chan bool)
	for range 8 {
		go func() {
			defer func() { done <- true }()
			for i := range 50 {
				id := strconv.Itoa(i % 5)
				if got := g.send(t, "GET /a/"+id, ""); got.Text != "/b/"+id {
					t.Errorf("%s: got %d %q", id, got.StatusCode, got.Text)
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
}

// sameJSON compares without regard to the order of keys.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
