package gateway

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func revocable(s *config.Service) *config.Service {
	s.Revoker = &config.Revoker{Most: 100, TTL: time.Hour, Keys: []string{"jti"}, ListenAddress: "127.0.0.1:0"}
	return s
}

// revokes calls the port of auth/revoker.
func (r *running) revokes(t *testing.T, route, body string) reply {
	t.Helper()
	at := *r
	at.URL = "http://" + r.revokerListener.Addr().String()
	return at.send(t, route, body, "Content-Type: application/json")
}

// What is revoked is lost at a restart, as with KrakenD, and survives a reload: one that
// changes the block, one that leaves it out, and the next.
func TestRevocationsSurviveAReload(t *testing.T) {
	host, keys := upstream(t, echoURI), issuer(t)
	service := func(path string) *config.Service { return serviceOf(noop("GET "+path, host, "/x", validated(keys))) }
	g := run(t, revocable(service("/a")))
	bad, good := bearer(t, `{"jti":"bad"}`), bearer(t, `{"jti":"good"}`)
	answers(t, "before", g.send(t, "GET /a", "", bad), 200, "/x", "")
	answers(t, "revoking", g.revokes(t, "POST /add", `{"key":"jti","value":"bad"}`), 200, `{"added":1}`+"\n", "Content-Type: application/json")
	refusal(t, "revoked", g.send(t, "GET /a", "", bad), 401)
	answers(t, "another", g.send(t, "GET /a", "", good), 200, "/x", "")

	next := revocable(service("/b"))
	next.Revoker.TTL, next.Revoker.Most, next.Revoker.Keys = time.Minute, 10, []string{"sub", "jti"}
	if err := g.reload(t, next); err != nil {
		t.Fatal(err)
	}
	refusal(t, "after a reload", g.send(t, "GET /b", "", bad), 401)
	answers(t, "another after it", g.send(t, "GET /b", "", good), 200, "/x", "")
	answers(t, "the port follows", g.revokes(t, "POST /check", `[{"key":"sub","value":"x"},{"key":"jti","value":"bad"}]`), 200, `{"revoked":[false,true]}`+"\n", "")

	if err := g.reload(t, service("/c")); err != nil {
		t.Fatal(err)
	}
	answers(t, "without the block", g.send(t, "GET /c", "", bad), 200, "/x", "")
	if got := g.revokes(t, "POST /add", `{"key":"jti","value":"more"}`); got.StatusCode != 404 {
		t.Errorf("its port: got %d", got.StatusCode)
	}
	if err := g.reload(t, revocable(service("/d"))); err != nil {
		t.Fatal(err)
	}
	refusal(t, "with the block again", g.send(t, "GET /d", "", bad), 401)

	again := run(t, revocable(service("/a")))
	answers(t, "another process", again.send(t, "GET /a", "", bad), 200, "/x", "")
}

// An exchange of a revoked token is attributed to nobody.
func TestARevokedTokenIdentifiesNobody(t *testing.T) {
	c := newCollector(t)
	s := revocable(serviceOf(noop("GET /a", upstream(t, echoURI), "/x", validated(issuer(t)))))
	s.Moesif = c.config()
	g := run(t, s)
	g.revokes(t, "POST /add", `{"key":"jti","value":"bad"}`)
	refusal(t, "revoked", g.send(t, "GET /a", "", bearer(t, `{"jti":"bad","sub":"ann"}`)), 401)
	if e := heard(t, c.events, "the event"); e.UserID != "" || e.Metadata.Gatemeter.Refused != "unauthenticated" || e.Response.Status != 401 {
		t.Errorf("got %+v", e)
	}
}

func TestATakenRevokerPortIsNamed(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	s := revocable(serviceOf(noop("GET /a", "http://127.0.0.1:9", "/")))
	s.ListenIP, s.Port, s.Revoker.ListenAddress = "127.0.0.1", 0, taken.Addr().String()
	g, err := New(s, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.Background()) })
	if err := g.Listen(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "auth/revoker.port: listen tcp ") || !strings.HasSuffix(err.Error(), ": choose another") {
		t.Errorf("got %v", err)
	}
}
