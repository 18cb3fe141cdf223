package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// OIDCPath is where signing in through the issuer begins; it ends at its callback.
	OIDCPath     = "/api/v1/oidc/"
	oidcCookie   = "gatemeter_oidc"
	oidcLifetime = 10 * time.Minute
	issuerTime   = 10 * time.Second
	issuerPause  = 5 * time.Second
)

// OIDC says how to sign in through an OpenID Connect issuer. The zero value is not
// at all.
type OIDC struct {
	Issuer       string // URL
	ClientID     string
	ClientSecret string // "" for a public client; PKCE is used in any case
	// Domains are those of the e-mail addresses of people who may come in without an
	// invitation. Without any only those who were invited, or are here, may.
	Domains []string
	// Role is what such people become; "" is read-only.
	Role Role
	// RedirectURL is the callback's address, as the issuer knows it; "" is made of
	// the address that the browser used.
	RedirectURL string
}

func (o OIDC) check() error {
	if o.Issuer == "" {
		if o.ClientID != "" || o.ClientSecret != "" || len(o.Domains) > 0 || o.Role != "" || o.RedirectURL != "" {
			return errors.New("oidc-issuer: must be set for the other oidc settings to be of use")
		}
		return nil
	}
	issuer, err := url.Parse(o.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http":
		return fmt.Errorf("oidc-issuer: must be a URL like https://accounts.example.com (got %q)", o.Issuer)
	case o.ClientID == "":
		return errors.New("oidc-client-id: must be set with oidc-issuer")
	case o.Role != "" && !slices.Contains(roles[1:], o.Role):
		return fmt.Errorf("oidc-default-role: must be admin, analyst or read-only (got %q)", string(o.Role))
	}
	if o.RedirectURL != "" && !strings.HasSuffix(o.RedirectURL, OIDCPath+"callback") {
		return fmt.Errorf("oidc-redirect-url: must end in %scallback (got %q)", OIDCPath, o.RedirectURL)
	}
	for _, d := range o.Domains {
		if d == "" || strings.ContainsAny(d, "@ /*") {
			return fmt.Errorf("oidc-domains: must be domains like example.com, with commas between them (got %q)", d)
		}
	}
	return nil
}

// issuer talks to the OpenID Connect issuer. What it says of itself is asked for
// when somebody signs in, so that the platform starts without it.
type issuer struct {
	OIDC
	client *http.Client

	clock func() time.Time

	mu       sync.Mutex
	provider *oidc.Provider // nil before it was asked; guarded by mu
	failure  error          // of asking it last; guarded by mu
	askAgain time.Time      // until then failure stands; guarded by mu
}

// Reasons why somebody does not come in through the issuer; the console has words
// for each.
const (
	oidcFailed     = "failed"     // the issuer refused, or could not be asked
	oidcExpired    = "expired"    // it was not begun here, or too long ago
	oidcUnverified = "unverified" // the issuer does not vouch for the e-mail address
	oidcStranger   = "stranger"   // neither invited nor of an allowed domain
	oidcFirst      = "first"      // nobody has a password yet
)

type oidcError struct{ reason string }

func (e *oidcError) Error() string { return "single sign-on: " + e.reason }

// SingleSignOn reports whether people can sign in through an issuer.
func (g *Gate) SingleSignOn() bool { return g.issuer != nil }

// OIDCHandler serves what is under OIDCPath: start, which leads to the issuer, and
// callback, which comes back from there (authorization code flow with PKCE and
// nonce; OpenID Connect Core, 3.1). It has to be within Sessions.
func (g *Gate) OIDCHandler() http.Handler {
	mux := http.NewServeMux()
	if g.issuer == nil {
		return mux
	}
	mux.HandleFunc("GET "+OIDCPath+"start", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		to, err := g.startOIDC(w, r)
		if err != nil {
			g.log.Error("single sign-on could not begin", "error", err)
			to = signInPage(oidcFailed)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	mux.HandleFunc("GET "+OIDCPath+"callback", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		http.SetCookie(w, g.flowCookie(r, "", -1))
		to := "/#/live"
		if err := g.finishOIDC(r); err != nil {
			reason := oidcFailed
			if e := (*oidcError)(nil); errors.As(err, &e) {
				reason = e.reason
			}
			g.log.Warn("single sign-on was refused", "reason", reason, "error", err)
			to = signInPage(reason)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	return mux
}

func signInPage(reason string) string { return "/#/sign-in?refused=" + reason }

// flowCookie carries what ties the answer of the issuer to the browser that asked.
// It is Lax because the answer comes from another site.
func (g *Gate) flowCookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: oidcCookie, Value: value, Path: OIDCPath, MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: overTLS(r),
	}
}

// startOIDC returns the issuer's address to go to.
func (g *Gate) startOIDC(w http.ResponseWriter, r *http.Request) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), issuerTime)
	defer cancel()
	provider, err := g.issuer.ask(ctx)
	if err != nil {
		return "", err
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	http.SetCookie(w, g.flowCookie(r, state+"."+nonce+"."+verifier, int(oidcLifetime/time.Second)))
	return g.issuer.config(provider, r).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// finishOIDC begins the session of whoever comes back from the issuer.
func (g *Gate) finishOIDC(r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), issuerTime)
	defer cancel()
	cookie, err := r.Cookie(oidcCookie)
	if err != nil {
		return &oidcError{oidcExpired}
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 || subtle.ConstantTimeCompare([]byte(parts[0]), []byte(r.FormValue("state"))) != 1 {
		return &oidcError{oidcExpired}
	}
	nonce, verifier := parts[1], parts[2]
	claims, err := g.issuer.redeem(ctx, r, nonce, verifier)
	if err != nil {
		return err
	}
	ctx, finish := g.Audited(ctx, Principal{}, Entry{Address: r.RemoteAddr, Operation: "sign-in-oidc", Target: OIDCPath + "callback"})
	p, err := g.personOf(ctx, claims)
	if err != nil {
		return err
	}
	if _, err := g.beginPerson(ctx, p); err != nil {
		return err
	}
	return finish()
}

// identity is what the issuer says of somebody.
type identity struct {
	Email    string `json:"email"`
	Verified bool   `json:"email_verified"`
	subject  string // issuer and subject: what never changes
}

// redeem trades the code of the callback for an identity.
func (i *issuer) redeem(ctx context.Context, r *http.Request, nonce, verifier string) (identity, error) {
	provider, err := i.ask(ctx)
	if err != nil {
		return identity{}, err
	}
	ctx = oidc.ClientContext(ctx, i.client)
	token, err := i.config(provider, r).Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		// Its text has the issuer's whole answer: only the code is fit for a log.
		var answer *oauth2.RetrieveError
		if errors.As(err, &answer) {
			return identity{}, fmt.Errorf("the issuer does not redeem the code: %d %s", answer.Response.StatusCode, answer.ErrorCode)
		}
		return identity{}, fmt.Errorf("the issuer does not redeem the code: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: i.ClientID}).Verify(ctx, raw)
	if err != nil {
		return identity{}, fmt.Errorf("the issuer's id token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return identity{}, errors.New("the issuer's id token is for another sign-in (nonce)")
	}
	who := identity{subject: verified.Issuer + " " + verified.Subject}
	if err := verified.Claims(&who); err != nil {
		return identity{}, fmt.Errorf("the issuer's id token: %w", err)
	}
	return who, nil
}

// ask returns what the issuer says of itself.
func (i *issuer) ask(ctx context.Context) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider == nil {
		// Whoever comes meanwhile does not wait for an issuer that is away.
		if i.clock().Before(i.askAgain) {
			return nil, i.failure
		}
		// Without the deadline: the keys are fetched with this context later on.
		provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.client), i.Issuer)
		if err != nil {
			i.failure, i.askAgain = fmt.Errorf("the issuer cannot be asked: %w", err), i.clock().Add(issuerPause)
			return nil, i.failure
		}
		i.provider = provider
	}
	return i.provider, nil
}

func (i *issuer) config(provider *oidc.Provider, r *http.Request) *oauth2.Config {
	redirect := i.RedirectURL
	if redirect == "" {
		scheme := "http"
		if overTLS(r) {
			scheme = "https"
		}
		redirect = scheme + "://" + r.Host + OIDCPath + "callback"
	}
	return &oauth2.Config{
		ClientID: i.ClientID, ClientSecret: i.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: redirect, Scopes: []string{oidc.ScopeOpenID, "email"},
	}
}

// personOf finds or makes the person that the issuer speaks of.
func (g *Gate) personOf(ctx context.Context, who identity) (p person, err error) {
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		p, err = g.findOrAdd(ctx, tx, who, g.clock().UnixMicro())
		if err == nil {
			noteWho(ctx, p.principal())
		}
		return err
	})
	return p, err
}

// findOrAdd goes by the subject; the first time by the e-mail address, if the issuer
// vouches for it: among those who are here, then among those invited, then by the
// address's domain.
func (g *Gate) findOrAdd(ctx context.Context, tx *sql.Tx, who identity, now int64) (person, error) {
	p, err := scanPerson(tx.QueryRowContext(ctx, queries.Get("person_by_subject"), who.subject))
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return p, err
	}
	email, err := emailOf(who.Email)
	if err != nil || !who.Verified {
		return person{}, &oidcError{oidcUnverified}
	}
	if n, err := count(ctx, tx); err != nil || n == 0 {
		return person{}, errors.Join(err, &oidcError{oidcFirst})
	}
	p, err = scanPerson(tx.QueryRowContext(ctx, queries.Get("person_by_email"), email))
	if err == nil {
		// Whoever set that password has not proven to own the address: it and its
		// sessions end here.
		p.passwordAt = max(now, p.passwordAt+1)
		return p, one(tx.ExecContext(ctx, queries.Get("set_subject"), who.subject, p.passwordAt, p.id))
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return person{}, err
	}
	p = person{id: newID("person"), email: email, passwordAt: now, role: g.issuer.Role}
	i, err := scanInvitation(tx.QueryRowContext(ctx, queries.Get("invitation_by_email"), email, now))
	if err == nil {
		p.role = i.Role
		return p, g.accept(ctx, tx, i, p, who.subject, now)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return person{}, err
	}
	domain := email[strings.LastIndexByte(email, '@')+1:]
	if !slices.ContainsFunc(g.issuer.Domains, func(d string) bool { return strings.EqualFold(d, domain) }) {
		return person{}, &oidcError{oidcStranger}
	}
	return p, add(ctx, tx, p, who.subject, now)
}
