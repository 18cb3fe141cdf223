package rules

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testApp = access.Application{Number: 3, ID: "app"}

// publish serves what in says, without a database.
func (r *Rules) publish(t testing.TB, in input) *Documents {
	t.Helper()
	d, err := build(testApp, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.of(testApp.ID).install(d)
	return d
}

// published are rules without a database, and what they serve.
func published(t testing.TB) (*Rules, *Documents) {
	r := New(nil, nil)
	return r, r.publish(t, input{config: DefaultConfig()})
}

func regexRule(id string) Rule {
	return Rule{State: On, Wire: wire.Rule{ID: id, Name: id, Type: typeRegex, Block: true}}.normal()
}

func configDocument(d *Documents) Document { return d.Config }
func rulesDocument(d *Documents) Document  { return d.Rules }

func get(r *Rules, pick func(*Documents) Document, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "/v1/config", nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d, err := r.Of(context.Background(), testApp)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return w
	}
	r.Serve(w, req, d, pick)
	return w
}

func TestKnownTagOrETagIsNotModified(t *testing.T) {
	r, documents := published(t)
	d := documents.Config
	for header, want := range map[string]int{
		"":                           200,
		"other":                      200,
		`"other"`:                    200,
		d.Tag:                        304,
		`"` + d.Tag + `"`:            304,
		`W/"` + d.Tag + `"`:          304,
		d.ETag:                       304,
		`"x", "` + d.ETag + `"`:      304,
		`"` + d.Tag + `","` + `y"  `: 304,
	} {
		w := get(r, configDocument, "If-None-Match", header)
		if w.Code != want {
			t.Errorf("If-None-Match: %s gives %d, want %d", header, w.Code, want)
		}
		if w.Header().Get("ETag") != `"`+d.ETag+`"` {
			t.Errorf("ETag is %s", w.Header().Get("ETag"))
		}
		if (w.Body.Len() == 0) != (want == 304) {
			t.Errorf("%d with %d bytes", w.Code, w.Body.Len())
		}
	}
}

func TestWaitHoldsBackOnlyWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		prefer, known string
		want          time.Duration
		applied       string
	}{
		{"wait=30", "tag", 30 * time.Second, "wait"},
		{"respond-async, wait=5; x=y", "tag", 5 * time.Second, "wait"},
		{"wait=100000", "tag", 60 * time.Second, "wait"},
		{"wait=30", "etag", 30 * time.Second, "wait"},
		{"wait=30", "old and etag", 0, "wait"},
		{"wait=30", "", 0, "wait"},
		{"wait=x", "tag", 0, ""},
		{"", "tag", 0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, documents := published(t)
			d := documents.Config
			known := map[string]string{"tag": d.Tag, "etag": d.ETag, "old and etag": `"old", "` + d.ETag + `"`}[c.known]
			start := time.Now()
			w := get(r, configDocument, "Prefer", c.prefer, "If-None-Match", known)
			if got := time.Since(start); got != c.want {
				t.Errorf("%q with %q: held back %v, want %v", c.prefer, c.known, got, c.want)
			}
			if got := w.Header().Get("Preference-Applied"); got != c.applied {
				t.Errorf("%q: Preference-Applied is %q, want %q", c.prefer, got, c.applied)
			}
		})
	}
}

func TestCloseEndsEveryWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := published(t)
		done := make(chan int)
		go func() { done <- get(r, rulesDocument, "Prefer", "wait=60", "If-None-Match", d.Rules.Tag).Code }()
		synctest.Wait()
		start := time.Now()
		r.Close()
		if code := <-done; code != 304 || time.Since(start) != 0 {
			t.Errorf("got %d after %v", code, time.Since(start))
		}
	})
}

func TestAChangeWakesEveryWaitingClientAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, before := published(t)
		const clients = 500
		answers := make([]*httptest.ResponseRecorder, clients)
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				pick := []func(*Documents) Document{configDocument, rulesDocument}[i%2]
				answers[i] = get(r, pick, "Prefer", "wait=60", "If-None-Match", `"`+pick(before).Tag+`", "`+pick(before).ETag+`"`)
			})
		}
		synctest.Wait()
		start := time.Now()
		after := r.publish(t, input{config: DefaultConfig(), rules: []Rule{regexRule("r1")}})
		wg.Wait()
		if d := time.Since(start); d != 0 {
			t.Errorf("told after %v", d)
		}
		for i, w := range answers {
			if w.Header().Get(wire.ConfigTagHeader) != after.Tags.Config || w.Header().Get(wire.RulesTagHeader) != after.Tags.Rules {
				t.Fatalf("client %d: tags %v, want %v", i, w.Header(), after.Tags)
			}
			// Only the rules changed: the configuration is not sent again.
			if want := []int{304, 200}[i%2]; w.Code != want {
				t.Fatalf("client %d: got %d, want %d", i, w.Code, want)
			}
			if i%2 == 1 && w.Body.String() != string(after.Rules.Body) {
				t.Fatalf("client %d: got %s", i, w.Body)
			}
		}
	})
}

func TestAChangeBetweenTwoWaitsIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, before := published(t)
		after := r.publish(t, input{config: DefaultConfig(), rules: []Rule{regexRule("r1")}})
		start := time.Now()
		w := get(r, configDocument, "Prefer", "wait=60", "If-None-Match", `"`+before.Config.Tag+`", "`+before.Config.ETag+`"`)
		if w.Code != 304 || w.Header().Get(wire.RulesTagHeader) != after.Tags.Rules || time.Since(start) != 0 {
			t.Errorf("got %d, %v after %v", w.Code, w.Header(), time.Since(start))
		}
	})
}

func TestDocumentsThatSayTheSameWakeNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := published(t)
		done := make(chan time.Duration)
		start := time.Now()
		go func() {
			get(r, rulesDocument, "Prefer", "wait=9", "If-None-Match", d.Rules.Tag)
			done <- time.Since(start)
		}()
		synctest.Wait()
		if r.publish(t, input{config: DefaultConfig()}).replaced != d.replaced {
			t.Error("equal documents are news")
		}
		if waited := <-done; waited != 9*time.Second {
			t.Errorf("told after %v", waited)
		}
	})
}

func TestWhoLeavesWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := published(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			r.await(ctx, d, time.Minute)
			close(done)
		}()
		synctest.Wait()
		cancel()
		<-done
	})
}

func FuzzRequestHeadersNeverFail(f *testing.F) {
	f.Add(`W/"a", b`, "wait=1;x")
	f.Add(`"`, `wait="`)
	f.Fuzz(func(t *testing.T, known, prefer string) {
		r, _ := published(t)
		r.Close()
		if w := get(r, rulesDocument, "If-None-Match", known, "Prefer", prefer); w.Code != 200 && w.Code != 304 {
			t.Errorf("got %d", w.Code)
		}
	})
}
