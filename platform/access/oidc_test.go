package access_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/gatemeter/gatemeter/platform/access"
)

// testIssuer is an OpenID Connect issuer at which everybody is who claims says.
type testIssuer struct {
	t      *testing.T
	url    string
	key    *rsa.PrivateKey
	claims map[string]any
	asked  url.Values // what the platform sent the browser with
	used   bool       // the code was redeemed
}

func startIssuer(t *testing.T) *testIssuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &testIssuer{t: t, key: key}
	discovery := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "key", Algorithm: oidc.RS256}}}
	mux := http.NewServeMux()
	mux.Handle("/", discovery)
	mux.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		i.asked, i.used = r.URL.Query(), false
		back := url.Values{"code": {"the-code"}, "state": {i.asked.Get("state")}}
		http.Redirect(w, r, i.asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", i.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.url = server.URL
	discovery.SetIssuer(server.URL)
	return i
}

// token redeems a code once, for whoever has the verifier and the secret.
func (i *testIssuer) token(w http.ResponseWriter, r *http.Request) {
	challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, secret, _ := r.BasicAuth()
	switch {
	case i.used, r.FormValue("code") != "the-code", id != "gatemeter", secret != "hush",
		i.asked.Get("code_challenge_method") != "S256",
		base64.RawURLEncoding.EncodeToString(challenge[:]) != i.asked.Get("code_challenge"):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	i.used = true
	claims := map[string]any{
		"iss": i.url, "aud": "gatemeter", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "nonce": i.asked.Get("nonce"),
	}
	for name, value := range i.claims {
		claims[name] = value
	}
	text, err := json.Marshal(claims)
	if err != nil {
		i.t.Error(err)
	}
	answer, err := json.Marshal(map[string]any{
		"access_token": "a", "token_type": "Bearer", "id_token": oidctest.SignIDToken(i.key, "key", oidc.RS256, string(text)),
	})
	if err != nil {
		i.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// surfer is a browser that follows redirects up to the console.
type surfer struct {
	*http.Client
	t    *testing.T
	base string
}

func (h *house) surfer() *surfer {
	h.t.Helper()
	mux := http.NewServeMux()
	mux.Handle(access.OIDCPath, h.OIDCHandler())
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		me, err := h.Identify(r.Context(), "", r.RemoteAddr)
		if err != nil {
			h.t.Error(err)
		}
		_, _ = w.Write([]byte(me.Email + " " + string(me.Role)))
	})
	server := httptest.NewServer(h.Sessions(mux))
	h.t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &surfer{client, h.t, server.URL}
}

// visit returns the console's address that it leads to, or the answer's body.
func (s *surfer) visit(path string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := s.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if to := res.Header.Get("Location"); to != "" {
		return to
	}
	body := make([]byte, 1000)
	n, _ := res.Body.Read(body)
	return string(body[:n])
}

func openSSO(t *testing.T) (*house, *testIssuer) {
	t.Helper()
	i := startIssuer(t)
	return openHouse(t, access.Options{Logger: slog.New(slog.DiscardHandler), OIDC: access.OIDC{
		Issuer: i.url, ClientID: "gatemeter", ClientSecret: "hush", Domains: []string{"example.com"}, Role: access.Analyst,
	}}), i
}

func TestPeopleOfAnAllowedDomainComeInThroughTheIssuer(t *testing.T) {
	h, issuer := openSSO(t)
	if !h.SingleSignOn() {
		t.Fatal("there is no single sign-on")
	}
	bob := h.surfer()
	issuer.claims = map[string]any{"sub": "1", "email": "bob@Example.com", "email_verified": true}
	if to := bob.visit("/api/v1/oidc/start"); to != "/#/live" {
		t.Fatalf("led to %s", to)
	}
	if who := bob.visit("/who"); who != "bob@Example.com analyst" {
		t.Errorf("got %q", who)
	}
	if issuer.asked.Get("scope") != "openid email" || issuer.asked.Get("redirect_uri") != bob.base+"/api/v1/oidc/callback" {
		t.Errorf("asked with %v", issuer.asked)
	}
	// Known by the subject from now on, whatever the address becomes.
	issuer.claims = map[string]any{"sub": "1", "email": "robert@elsewhere.example"}
	if to := bob.visit("/api/v1/oidc/start"); to != "/#/live" || bob.visit("/who") != "bob@Example.com analyst" {
		t.Errorf("led to %s as %s", to, bob.visit("/who"))
	}
	entries, err := h.Audit(t.Context(), "", 0, 2)
	if err != nil || len(entries) != 2 || entries[0].Operation != "sign-in-oidc" || entries[0].WhoName != "bob@Example.com" {
		t.Errorf("got %+v, %v", entries, err)
	}
	people, err := h.People(t.Context())
	if err != nil || len(people) != 2 || people[1].Password || !people[1].Issuer {
		t.Errorf("got %+v, %v", people, err)
	}
	newBrowser(t, h.Gate).do(func(ctx context.Context, _ access.Principal) {
		if _, err := h.SignIn(ctx, "bob@example.com", "", "10.0.0.9:1"); err == nil {
			t.Error("no password is a password")
		}
	})
}

func TestStrangersDoNotComeInThroughTheIssuer(t *testing.T) {
	h, issuer := openSSO(t)
	for _, c := range []struct {
		claims map[string]any
		reason string
	}{
		{map[string]any{"sub": "2", "email": "eve@evil.example", "email_verified": true}, "stranger"},
		{map[string]any{"sub": "2", "email": "eve@example.com.evil.example", "email_verified": true}, "stranger"},
		{map[string]any{"sub": "2", "email": `"x@example.com"@evil.example`, "email_verified": true}, "unverified"},
		{map[string]any{"sub": "2", "email": "ada@example.com", "email_verified": false}, "unverified"},
		{map[string]any{"sub": "2", "email": "ada@example.com"}, "unverified"},
		{map[string]any{"sub": "2"}, "unverified"},
		{map[string]any{"sub": "2", "email": "bob@example.com", "email_verified": true, "nonce": "another"}, "failed"},
		{map[string]any{"sub": "2", "email": "bob@example.com", "email_verified": true, "aud": "another"}, "failed"},
		{map[string]any{"sub": "2", "email": "bob@example.com", "email_verified": true, "iss": "https://evil.example"}, "failed"},
		{map[string]any{"sub": "2", "email": "bob@example.com", "email_verified": true, "exp": 1}, "failed"},
	} {
		issuer.claims = c.claims
		s := h.surfer()
		if to := s.visit("/api/v1/oidc/start"); to != "/#/sign-in?refused="+c.reason {
			t.Errorf("%v: led to %s, want refused=%s", c.claims, to, c.reason)
		}
		if who := s.visit("/who"); who != " " {
			t.Errorf("%v: is in as %q", c.claims, who)
		}
	}
	if people, err := h.People(t.Context()); err != nil || len(people) != 1 {
		t.Errorf("got %+v, %v", people, err)
	}
}

func TestAnAnswerOfTheIssuerIsForTheBrowserThatAsked(t *testing.T) {
	h, issuer := openSSO(t)
	issuer.claims = map[string]any{"sub": "1", "email": "bob@example.com", "email_verified": true}
	s := h.surfer()
	if to := s.visit("/api/v1/oidc/callback?code=the-code&state=x"); to != "/#/sign-in?refused=expired" {
		t.Errorf("without a start: led to %s", to)
	}
	if to := s.visit("/api/v1/oidc/start"); to != "/#/live" {
		t.Fatalf("led to %s", to)
	}
	// The same answer again: its cookie is gone.
	back := "/api/v1/oidc/callback?code=the-code&state=" + issuer.asked.Get("state")
	if to := s.visit(back); to != "/#/sign-in?refused=expired" {
		t.Errorf("a second time: led to %s", to)
	}
	other := h.surfer()
	if to := other.visit(back); to != "/#/sign-in?refused=expired" || other.visit("/who") != " " {
		t.Errorf("in another browser: led to %s", to)
	}
}

func TestPeopleWhoAreHereOrInvitedAreFoundByTheirAddress(t *testing.T) {
	h, issuer := openSSO(t)
	issuer.claims = map[string]any{"sub": "ada", "email": "ADA@example.com", "email_verified": true}
	s := h.surfer()
	if to := s.visit("/api/v1/oidc/start"); to != "/#/live" || s.visit("/who") != "ada@example.com owner" {
		t.Errorf("led to %s as %q", to, s.visit("/who"))
	}
	if me := h.owner.me(); me.SignedIn() {
		t.Error("a session of the password outlives the proof of the address")
	}
	if _, _, err := h.Invite(t.Context(), access.Principal{Admin: true}, "guest@partner.example", access.Admin); err != nil {
		t.Fatal(err)
	}
	issuer.claims = map[string]any{"sub": "guest", "email": "guest@partner.example", "email_verified": true}
	guest := h.surfer()
	if to := guest.visit("/api/v1/oidc/start"); to != "/#/live" || guest.visit("/who") != "guest@partner.example admin" {
		t.Errorf("led to %s as %q", to, guest.visit("/who"))
	}
	if open, err := h.Invitations(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("the invitation is still open: %v, %v", open, err)
	}
}

func TestTheFirstPersonDoesNotComeThroughTheIssuer(t *testing.T) {
	issuer := startIssuer(t)
	issuer.claims = map[string]any{"sub": "1", "email": "bob@example.com", "email_verified": true}
	g := openGate(t, t.TempDir(), access.Options{Logger: slog.New(slog.DiscardHandler), OIDC: access.OIDC{
		Issuer: issuer.url, ClientID: "gatemeter", ClientSecret: "hush", Domains: []string{"example.com"},
	}})
	h := &house{Gate: g, t: t}
	if to := h.surfer().visit("/api/v1/oidc/start"); to != "/#/sign-in?refused=first" {
		t.Errorf("led to %s", to)
	}
}

func TestAnIssuerThatIsAwayIsSaidSo(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	h := openHouse(t, access.Options{Logger: slog.New(slog.DiscardHandler), OIDC: access.OIDC{Issuer: gone.URL, ClientID: "x"}})
	if to := h.surfer().visit("/api/v1/oidc/start"); to != "/#/sign-in?refused=failed" {
		t.Errorf("led to %s", to)
	}
	if without := openHouse(t, access.Options{}); without.SingleSignOn() || !strings.Contains(without.surfer().visit("/api/v1/oidc/start"), "404") {
		t.Error("there is single sign-on without an issuer")
	}
}

func TestBadSettingsOfSingleSignOnAreRefused(t *testing.T) {
	good := access.OIDC{Issuer: "https://accounts.example.com", ClientID: "x"}
	for want, change := range map[string]func(o *access.OIDC){
		"oidc-issuer: must be set for":      func(o *access.OIDC) { o.Issuer = "" },
		"oidc-issuer: must be a URL":        func(o *access.OIDC) { o.Issuer = "accounts.example.com" },
		"oidc-client-id: must be set":       func(o *access.OIDC) { o.ClientID = "" },
		"oidc-default-role: must be admin,": func(o *access.OIDC) { o.Role = access.Owner },
		"oidc-redirect-url: must end in":    func(o *access.OIDC) { o.RedirectURL = "https://console.example.com/" },
		"oidc-domains: must be domains":     func(o *access.OIDC) { o.Domains = []string{"*.example.com"} },
	} {
		o := good
		change(&o)
		db := openState(t, t.TempDir())
		if _, err := access.Open(t.Context(), db, access.Options{OIDC: o}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
