package platform_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform"
)

// Without Run nothing is loaded, so that what was accepted waits in the journal.
func TestItIsNotReadyUntilWhatWasAcceptedIsLoaded(t *testing.T) {
	o := platform.Options{Dir: t.TempDir(), AdminToken: adminToken, Logger: slog.New(slog.DiscardHandler)}
	p, err := platform.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(p *platform.Platform, method, path, body, app string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("X-Moesif-Application-Id", app)
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if code, text := ask(p, http.MethodGet, "/readyz", "", ""); code != http.StatusOK {
		t.Errorf("a new one: %d %s", code, text)
	}
	apps, err := p.Applications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if code, text := ask(p, http.MethodPost, "/v1/events", call(ago(time.Second, goTime), 200, "ada", ""), apps[0].ApplicationID); code != http.StatusCreated {
		t.Fatalf("%d %s", code, text)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	if p, err = platform.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if code, text := ask(p, http.MethodGet, "/readyz", "", ""); code != http.StatusServiceUnavailable || text != "not ready: replay\n" {
		t.Errorf("with a block to load: %d %q", code, text)
	}
	if code, _ := ask(p, http.MethodGet, "/livez", "", ""); code != http.StatusOK {
		t.Errorf("alive: %d", code)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	eventually(t, "it is ready", func() bool {
		code, _ := ask(p, http.MethodGet, "/readyz", "", "")
		return code == http.StatusOK
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
