package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// giving stands for the network to the server that gives tokens, tok1, tok2 and so on.
type giving struct {
	mu    sync.Mutex
	asked int
	forms []string
	delay time.Duration
	life  string // expires_in; "" for none
	fail  func(*http.Request) (*http.Response, error)
}

func (g *giving) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	g.asked++
	form, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	g.forms = append(g.forms, user+":"+password+" "+string(form))
	n, delay, fail, life := g.asked, g.delay, g.fail, g.life
	g.mu.Unlock()
	if fail != nil {
		return fail(r)
	}
	time.Sleep(delay)
	expires := ""
	if life != "" {
		expires = `,"expires_in":` + life
	}
	return answer(r, 200, `{"access_token":"tok`+string(rune('0'+n))+`","token_type":"bearer"`+expires+`}`), nil
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

// showing keeps what a backend was shown.
type showing struct {
	mu    sync.Mutex
	shown []string
}

func (s *showing) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, r.Header.Get("Authorization"))
	return answer(r, 200, ""), nil
}

func (s *showing) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown[len(s.shown)-1]
}

func tokenBackend(scopes ...string) *config.Backend {
	return &config.Backend{Hosts: []string{"http://b:8080"}, ClientCredentials: &config.ClientCredentials{
		ClientID: "me", ClientSecret: "s3cret", TokenURL: "http://issuer/token?tenant=hidden", Scopes: scopes, Params: map[string][]string{"audience": {"a"}},
	}}
}

func callBackend(t testing.TB, ctx context.Context, through http.RoundTripper, url string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, &closing{Reader: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "the client's")
	resp, err := through.RoundTrip(r)
	if err != nil {
		if !r.Body.(*closing).closed {
			t.Error("the body is left open")
		}
		return err
	}
	if r.Header.Get("Authorization") != "the client's" {
		t.Error("the request was changed: a redirect would take the token along")
	}
	return resp.Body.Close()
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestTokensAreFetchedOnceAndRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, b := &giving{life: "100", delay: time.Second}, &showing{}
		through := keeperOf(t).WithToken(tokenBackend("read", "write"), server, b)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := callBackend(t, t.Context(), through, "http://b:8080/x"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, header := range b.shown {
			if header != "Bearer tok1" {
				t.Fatalf("the backend saw %q", header)
			}
		}
		if want := "me:s3cret audience=a&grant_type=client_credentials&scope=read+write"; server.asked != 1 || server.forms[0] != want {
			t.Errorf("asked %d times, %q", server.asked, server.forms)
		}
		for _, step := range []struct {
			wait   time.Duration
			token  string
			asked  int
			waited time.Duration
		}{
			{73 * time.Second, "tok1", 1, 0},
			{3 * time.Second, "tok1", 2, 0}, // a quarter is left: renewed beside the call
			{2 * time.Second, "tok2", 2, 0},
			{300 * time.Second, "tok3", 3, time.Second}, // none that is good: the call waits
		} {
			time.Sleep(step.wait)
			began := time.Now()
			if err := callBackend(t, t.Context(), through, "http://b:8080/x"); err != nil || b.last() != "Bearer "+step.token || time.Since(began) != step.waited {
				t.Errorf("after %s: %v, %s, waited %s", step.wait, err, b.last(), time.Since(began))
			}
			synctest.Wait()
			if server.mu.Lock(); server.asked != step.asked {
				t.Errorf("after %s: asked %d times", step.wait, server.asked)
			}
			server.mu.Unlock()
		}
	})
}

func TestTokensWithoutAnEndAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, b := &giving{}, &showing{}
		k := keeperOf(t)
		through, twin, other := k.WithToken(tokenBackend(), server, b), k.WithToken(tokenBackend(), server, b), k.WithToken(tokenBackend("x"), server, b)
		for _, way := range []http.RoundTripper{through, twin, other, through} {
			if err := callBackend(t, t.Context(), way, "http://b:8080/x"); err != nil {
				t.Error(err)
			}
			time.Sleep(1000 * time.Hour)
		}
		if got := strings.Join(b.shown, " "); got != "Bearer tok1 Bearer tok1 Bearer tok2 Bearer tok1" {
			t.Errorf("shown: %s", got)
		}
	})
}

func TestTokensAreForTheBackendOnly(t *testing.T) {
	server, b := &giving{}, &showing{}
	through := keeperOf(t).WithToken(tokenBackend(), server, b)
	for url, want := range map[string]string{
		"http://b:8080/x": "Bearer tok1", "http://B:8080/y": "Bearer tok1",
		"http://b/x": "the client's", "https://b:8080/x": "the client's", "http://other:8080/": "the client's",
	} {
		if err := callBackend(t, t.Context(), through, url); err != nil || b.last() != want {
			t.Errorf("%s: %v, saw %q", url, err, b.last())
		}
	}
	if next := http.RoundTripper(b); keeperOf(t).WithToken(&config.Backend{}, server, next) != next {
		t.Error("a backend without the block has something before it")
	}
}

func TestATokenThatCannotBeHadFailsTheCall(t *testing.T) {
	for reason, fail := range map[string]func(*http.Request) (*http.Response, error){
		"answered 401 invalid_client": func(r *http.Request) (*http.Response, error) {
			return answer(r, 401, `{"error":"invalid_client","error_description":"s3cret"}`), nil
		},
		"answered 400 without a known reason": func(r *http.Request) (*http.Response, error) { return answer(r, 400, `{"error":"s3cret"}`), nil },
		"answered 502 without a known reason": func(r *http.Request) (*http.Response, error) { return answer(r, 502, `s3cret`), nil },
		"answered 307 without a known reason": func(r *http.Request) (*http.Response, error) {
			resp := answer(r, 307, "")
			resp.Header.Set("Location", "http://elsewhere/")
			return resp, nil
		},
		"connection reset":     func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") },
		"missing access_token": func(r *http.Request) (*http.Response, error) { return answer(r, 200, `{}`), nil },
		"no header may hold":   func(r *http.Request) (*http.Response, error) { return answer(r, 200, `{"access_token":"a\r\nb"}`), nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			log := &bytes.Buffer{}
			k := NewKeeper(&config.Service{}, slog.New(slog.NewTextHandler(log, nil)))
			defer k.Close()
			server, b := &giving{fail: fail}, &showing{}
			through := k.WithToken(tokenBackend(), server, b)
			err := callBackend(t, t.Context(), through, "http://b:8080/x")
			if err == nil || !strings.Contains(err.Error(), reason) || !strings.HasPrefix(err.Error(), "auth/client-credentials: no token from http://issuer/token: ") {
				t.Errorf("%s: got %v", reason, err)
			}
			asked := server.asked
			if again := callBackend(t, t.Context(), through, "http://b:8080/x"); again != err || server.asked != asked { //nolint:errorlint // the same
				t.Errorf("%s: at once again: %v, asked %d times more", reason, again, server.asked-asked)
			}
			if text := log.String() + err.Error(); strings.Contains(text, "s3cret") || strings.Contains(text, "hidden") || !strings.Contains(log.String(), reason) {
				t.Errorf("%s: told is %s", reason, text)
			}
			time.Sleep(betweenFetches)
			server.fail = nil
			if err := callBackend(t, t.Context(), through, "http://b:8080/x"); err != nil || len(b.shown) != 1 {
				t.Errorf("%s: later: %v, the backend was asked %d times", reason, err, len(b.shown))
			}
		})
	}
}

func TestACallWaitsForATokenAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, b := &giving{fail: func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }}, &showing{}
		through := keeperOf(t).WithToken(tokenBackend(), server, b)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if err := callBackend(t, ctx, through, "http://b:8080/x"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}
