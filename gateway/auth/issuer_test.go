package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// wire stands for the network to the issuer, for tests whose time is not real.
type wire struct {
	asked int
	reply func(*http.Request) (status int, body string, err error)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.asked++
	status, body, err := w.reply(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// over replaces the network to the issuer of g.
func (w *wire) over(g Guard) { g.(*Validator).issuer.client.Transport = w }

func gives(body string) func(*http.Request) (int, string, error) {
	return func(*http.Request) (int, string, error) { return http.StatusOK, body, nil }
}

func isDown(*http.Request) (int, string, error) { return http.StatusBadGateway, "", nil }

func TestCachedKeysAreRenewedBesideTheRequests(t *testing.T) {
	one, two := keyFor(t, "HS256", "kid", "1"), keyFor(t, "HS256", "kid", "2")
	first, second := "Authorization: "+signed(t, "HS256", one, `{}`), "Authorization: "+signed(t, "HS256", two, `{}`)
	synctest.Test(t, func(t *testing.T) {
		g := guardOf(t, keeperOf(t), trusting("http://issuer", "HS256", func(c *config.Validator) { c.CacheDuration = time.Minute }))
		w := &wire{reply: gives(setOf(t, one))}
		w.over(g)
		step := func(what string, wait time.Duration, token string, status, asked int) {
			t.Helper()
			time.Sleep(wait)
			if got := statusOf(t, g, token); got != status {
				t.Errorf("%s: got %d, want %d", what, got, status)
			}
			synctest.Wait()
			if w.asked != asked {
				t.Errorf("%s: the issuer was asked %d times, want %d", what, w.asked, asked)
			}
		}
		step("the first", 0, first, 200, 1)
		step("fresh", 59*time.Second, first, 200, 1)
		w.reply = gives(setOf(t, two))
		step("old: renewed beside it", 2*time.Second, first, 200, 2)
		step("the key is gone by now, though the token was verified", time.Second, first, 401, 3)
		step("the new key", 0, second, 200, 3)
		w.reply = gives(setOf(t, one))
		step("too old: renewed before it", 2*time.Minute, second, 401, 4)
		w.reply = isDown
		step("the issuer is down", time.Hour, first, 200, 5)
		step("asked again after a second, not before", 900*time.Millisecond, first, 200, 5)
		step("asked again after a second", 200*time.Millisecond, first, 200, 6)
		step("down for a day", 24*time.Hour, first, 401, 7)
		w.reply = gives(setOf(t, one))
		step("up again", time.Second, first, 200, 8)
	})
}

func TestKeysThatAreNotCachedAreAskedForEachTime(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "1")
	issuer := issuerOf(t, key)
	g := guardOf(t, keeperOf(t), trusting(issuer.URL, "HS256", func(c *config.Validator) { c.CacheDuration = 0 }))
	token := "Authorization: " + signed(t, "HS256", key, `{}`)
	for range 3 {
		if got := statusOf(t, g, token); got != 200 {
			t.Errorf("got %d", got)
		}
	}
	statusOf(t, g, "Authorization: nonsense") // costs the issuer nothing
	if n := issuer.asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
	rotated := setOf(t, keyFor(t, "HS256", "kid", "2"))
	issuer.keys.Store(&rotated)
	if got := statusOf(t, g, token); got != 401 {
		t.Errorf("the key is gone, got %d", got)
	}
	issuer.keys.Store(nil)
	if got := statusOf(t, g, "Authorization: "+signed(t, "HS256", keyFor(t, "HS256", "kid", "2"), `{}`)); got != 200 {
		t.Errorf("the last keys count while the issuer is down, got %d", got)
	}
}

func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	one, two := keyFor(t, "HS256", "kid", "1"), keyFor(t, "HS256", "kid", "2")
	tokenOf := func(kid string) string {
		return "Authorization: " + signed(t, "HS256", keyFor(t, "HS256", "kid", kid), `{}`)
	}
	synctest.Test(t, func(t *testing.T) {
		g := guardOf(t, keeperOf(t), trusting("http://issuer", "HS256", func(c *config.Validator) { c.KeyCooldown = 10 * time.Second }))
		w := &wire{reply: gives(setOf(t, one))}
		w.over(g)
		statusOf(t, g, tokenOf("1"))
		time.Sleep(time.Second)
		for i := range 100 {
			if got := statusOf(t, g, tokenOf("x"+strconv.Itoa(i))); got != 401 {
				t.Fatalf("got %d", got)
			}
		}
		if w.asked != 2 {
			t.Errorf("a hundred made-up keys: asked %d times, want once more", w.asked)
		}
		for range 8 { // one that was not found is let be, for failed_jwk_key_cooldown
			time.Sleep(time.Second)
			statusOf(t, g, tokenOf("x0"))
		}
		if w.asked != 2 {
			t.Errorf("a key that cools down: asked %d times", w.asked)
		}
		w.reply = gives(setOf(t, one, two))
		if got := statusOf(t, g, tokenOf("2")); got != 200 || w.asked != 3 {
			t.Errorf("a key that is new: got %d, asked %d times", got, w.asked)
		}
		time.Sleep(3 * time.Second)
		if statusOf(t, g, tokenOf("x0")); w.asked != 4 {
			t.Errorf("the cooldown is over: asked %d times", w.asked)
		}
		for i := range 3 * mostUnknown {
			g.(*Validator).issuer.missed("y"+strconv.Itoa(i), time.Now().Add(time.Hour))
		}
		if n := len(g.(*Validator).issuer.unknown); n > mostUnknown {
			t.Errorf("%d unknown keys are remembered", n)
		}
	})
}

func TestRequestsShareOneFetch(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "1")
	old := keyFor(t, "HS256", "kid", "0")
	token := "Authorization: " + signed(t, "HS256", key, `{}`)
	synctest.Test(t, func(t *testing.T) {
		g := guardOf(t, keeperOf(t), trusting("http://issuer", "HS256"))
		slow := func(body string) func(*http.Request) (int, string, error) {
			return func(*http.Request) (int, string, error) { time.Sleep(time.Second); return 200, body, nil }
		}
		w := &wire{reply: slow(setOf(t, old))}
		w.over(g)
		crowd := func(want int) {
			t.Helper()
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if got := statusOf(t, g, token); got != want {
						t.Errorf("got %d, want %d", got, want)
					}
				})
			}
			all.Wait()
		}
		crowd(401)
		if w.asked != 1 {
			t.Errorf("asked %d times", w.asked)
		}
		w.reply = slow(setOf(t, key))
		time.Sleep(time.Second)
		crowd(200) // a key that is new to all of them
		if w.asked != 2 {
			t.Errorf("asked %d times", w.asked)
		}
	})
}

func TestAnIssuerThatHangsHoldsNobodyForLongerThanItsTimeout(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "1")
	synctest.Test(t, func(t *testing.T) {
		g := guardOf(t, keeperOf(t), trusting("http://issuer", "HS256"))
		w := &wire{reply: func(r *http.Request) (int, string, error) { <-r.Context().Done(); return 0, "", r.Context().Err() }}
		w.over(g)
		began := time.Now()
		if got := statusOf(t, g, "Authorization: "+signed(t, "HS256", key, `{}`)); got != 401 || time.Since(began) != fetchTimeout {
			t.Errorf("got %d after %s", got, time.Since(began))
		}
		// A client that leaves does not wait, and the fetch goes on without it.
		time.Sleep(betweenFetches)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if _, err := g.(*Validator).issuer.keys(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		began = time.Now()
		if _, err := g.(*Validator).issuer.keys(t.Context(), time.Hour); err == nil || time.Since(began) != fetchTimeout-time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestCloseEndsAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeeper(&config.Service{}, slog.New(slog.DiscardHandler))
		g := guardOf(t, k, trusting("http://issuer", "HS256"))
		w := &wire{reply: func(r *http.Request) (int, string, error) { <-r.Context().Done(); return 0, "", r.Context().Err() }}
		w.over(g)
		ended := make(chan int)
		go func() { ended <- statusOf(t, g, "Authorization: "+signed(t, "HS256", keyFor(t, "HS256"), `{}`)) }()
		synctest.Wait()
		began := time.Now()
		k.Close()
		if got := <-ended; got != 401 || time.Since(began) != 0 {
			t.Errorf("got %d after %s", got, time.Since(began))
		}
		time.Sleep(time.Minute)
		if got := statusOf(t, g, "Authorization: "+signed(t, "HS256", keyFor(t, "HS256"), `{}`)); got != 401 || w.asked != 1 {
			t.Errorf("after Close: got %d, asked %d times", got, w.asked)
		}
	})
}

func TestBadAnswersOfTheIssuerAreLoggedWithoutSecrets(t *testing.T) {
	good := setOf(t, keyFor(t, "HS256", "kid", "1"))
	for reason, reply := range map[string]func(*http.Request) (int, string, error){
		"answered 502":     isDown,
		"is no JWK set":    gives(`<html>`),
		"holds no key":     gives(`{"keys":[]}`),
		"longer than what": gives(strings.Repeat(" ", mostKeyBytes) + good),
		"connection reset": func(*http.Request) (int, string, error) { return 0, "", errors.New("connection reset") },
	} {
		log := &bytes.Buffer{}
		k := NewKeeper(&config.Service{}, slog.New(slog.NewTextHandler(log, nil)))
		g := guardOf(t, k, trusting("http://user:password@issuer/keys?api-key=hidden", "HS256"))
		w := &wire{reply: reply}
		w.over(g)
		if got := statusOf(t, g, "Authorization: "+signed(t, "HS256", keyFor(t, "HS256", "kid", "1"), `{}`)); got != 401 {
			t.Errorf("%s: got %d", reason, got)
		}
		k.Close()
		if text := log.String(); !strings.Contains(text, reason) || !strings.Contains(text, "jwk_url=http://issuer/keys ") ||
			strings.Contains(text, "password") || strings.Contains(text, "hidden") {
			t.Errorf("%s: the log says %s", reason, text)
		}
	}
}

// The issuer's certificate is checked, and a redirect does not leave TLS.
func TestKeysComeOverTrustedTLSOnly(t *testing.T) {
	key := keyFor(t, "HS256", "kid", "1")
	plain := issuerOf(t, key)
	issuer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(*plain.keys.Load()))
	}))
	issuer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	issuer.TLS = &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12} // suites count up to here
	issuer.StartTLS()
	t.Cleanup(issuer.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	pin, other := sha256.Sum256(issuer.Certificate().RawSubjectPublicKeyInfo), sha256.Sum256([]byte("another key"))
	// A certificate that the server only sends along proves nothing.
	along, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	extra, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, along.Public(), along)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := x509.ParseCertificate(extra)
	if err != nil {
		t.Fatal(err)
	}
	sentPin := sha256.Sum256(sent.RawSubjectPublicKeyInfo)
	issuer.TLS.Certificates[0].Certificate = append(issuer.TLS.Certificates[0].Certificate, extra)
	for _, tt := range []struct {
		path, ca string
		insecure bool
		pins     [][]byte
		suites   []uint16
		want     int
	}{
		{"/keys", ca, false, nil, nil, 200},
		{"/keys", "", false, nil, nil, 401},
		{"/keys", "", true, nil, nil, 401}, // disable_jwk_security allows http, not any certificate
		{"/away", ca, false, nil, nil, 401},
		{"/away", ca, true, nil, nil, 200},
		{"/keys", ca, false, [][]byte{other[:], pin[:]}, nil, 200},
		{"/keys", ca, false, [][]byte{other[:]}, nil, 401},
		{"/keys", ca, false, [][]byte{sentPin[:]}, nil, 401},
		{"/keys", "", false, [][]byte{pin[:]}, nil, 401}, // a pin is asked for beside trust
		{"/keys", ca, false, nil, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, 200},
		{"/keys", ca, false, nil, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, 401}, // the server's key is another
	} {
		g := guardOf(t, keeperOf(t), trusting(issuer.URL+tt.path, "HS256", func(c *config.Validator) {
			c.JWKLocalCA, c.Insecure, c.Pins, c.CipherSuites = tt.ca, tt.insecure, tt.pins, tt.suites
		}))
		if got := statusOf(t, g, "Authorization: "+signed(t, "HS256", key, `{}`)); got != tt.want {
			t.Errorf("%+v: got %d", tt, got)
		}
	}
}
