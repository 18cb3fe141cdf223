package access

import (
	"context"
	"database/sql"
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
)

const (
	// SessionCookie is the name of the cookie that carries a session.
	SessionCookie   = "gatemeter_session"
	sessionLifetime = 14 * 24 * time.Hour
	sessionKey      = "who"
)

// who is what a session holds.
type who struct {
	Person     string // "" came in by the one-time token and has no password yet
	PasswordAt int64
}

func init() { gob.Register(who{}) } // scs encodes sessions with gob

func (g *Gate) openSessions() {
	// Not scs.New: it starts a store of its own in memory that cannot be stopped.
	m := &scs.SessionManager{
		Store:            &sessionStore{g: g},
		HashTokenInStore: true,
		Lifetime:         sessionLifetime,
		Codec:            scs.GobCodec{},
		Cookie: scs.SessionCookie{
			Name: SessionCookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Persist: true,
		},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			g.log.Error("sessions cannot be read", "error", err)
			http.Error(w, "sessions cannot be read at the moment", http.StatusServiceUnavailable)
		},
	}
	secure := *m
	secure.Cookie.Secure = true
	g.sessions, g.secure = m, &secure
}

// Sessions makes the session of a request available to next, and keeps what
// next does with it.
func (g *Gate) Sessions(next http.Handler) http.Handler {
	plain, secure := g.sessions.LoadAndSave(next), g.secure.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if overTLS(r) {
			secure.ServeHTTP(w, r)
			return
		}
		plain.ServeHTTP(w, r)
	})
}

// overTLS reports whether the browser speaks TLS. A client that lies about
// X-Forwarded-Proto locks out only itself.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// Identify says who makes the request: the bearer of a token (the administrator's
// or an API token), else who the session of ctx belongs to. A wrong bearer token
// is ErrRefused, too many of them a *TooManyError; no token and no session is
// nobody. What the principal may do is asked with May.
func (g *Gate) Identify(ctx context.Context, authorization, remoteAddr string) (Principal, error) {
	if scheme, token, ok := strings.Cut(authorization, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return g.bearer(ctx, strings.TrimSpace(token), remoteAddr)
	}
	v, ok := g.sessions.Get(ctx, sessionKey).(who)
	if !ok {
		return Principal{}, nil
	}
	if v.Person == "" {
		var n int
		if err := g.db.Reader().QueryRowContext(ctx, queries.Get("people_count")).Scan(&n); err != nil {
			return Principal{}, fmt.Errorf("access: people: %w", err)
		}
		return Principal{FirstRun: n == 0, Cookie: n == 0}, nil
	}
	p, err := scanPerson(g.db.Reader().QueryRowContext(ctx, queries.Get("person_by_id"), v.Person))
	if errors.Is(err, sql.ErrNoRows) || err == nil && p.passwordAt != v.PasswordAt {
		return Principal{}, nil
	}
	if err != nil {
		return Principal{}, fmt.Errorf("access: person: %w", err)
	}
	return p.principal(), nil
}

func (g *Gate) bearer(ctx context.Context, token, remoteAddr string) (Principal, error) {
	host := hostOf(remoteAddr)
	if wait := g.bearers.take(host); wait > 0 {
		return Principal{}, &TooManyError{RetryAfter: wait}
	}
	p := Principal{Admin: true}
	if !g.IsAdmin(token) {
		var err error
		if p, err = g.byAPIToken(ctx, token); err != nil {
			return Principal{}, err
		}
	}
	g.bearers.giveBack(host)
	return p, nil
}

// SignInByToken begins a session with the one-time token.
func (g *Gate) SignInByToken(ctx context.Context, token, remoteAddr string) (Principal, error) {
	Note(ctx, "by", "one-time token")
	err := g.try(hostOf(remoteAddr), "", func() error { return g.useToken(ctx, token) })
	if err != nil {
		return Principal{}, err
	}
	if err := g.WriteSecrets(""); err != nil {
		g.log.Error("the used sign-in token is still in the secrets file", "error", err)
	}
	if err := g.begin(ctx, who{}); err != nil {
		return Principal{}, err
	}
	return Principal{FirstRun: true, Cookie: true}, nil
}

// SignIn begins a session with an e-mail and a password.
func (g *Gate) SignIn(ctx context.Context, email, password, remoteAddr string) (Principal, error) {
	var p person
	err := g.try(hostOf(remoteAddr), strings.ToLower(strings.TrimSpace(email)), func() (err error) {
		p, err = g.checkPassword(ctx, email, password)
		return err
	})
	if err != nil {
		return Principal{}, err
	}
	return g.beginPerson(ctx, p)
}

// ChangeMe sets e-mail and password of who is signed in, and ends this person's
// other sessions. Whoever came in by the one-time token becomes the first person.
func (g *Gate) ChangeMe(ctx context.Context, me Principal, email, password string) (Principal, error) {
	if me.Person == "" && !me.FirstRun {
		return Principal{}, ErrNobody
	}
	Note(ctx, "email", email)
	p, err := g.setPassword(ctx, me.Person, email, password)
	if err != nil {
		return Principal{}, err
	}
	return g.beginPerson(ctx, p)
}

// SignOut ends the session of ctx.
func (g *Gate) SignOut(ctx context.Context) error {
	if err := g.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("access: session: %w", err)
	}
	return nil
}

func (g *Gate) beginPerson(ctx context.Context, p person) (Principal, error) {
	noteWho(ctx, p.principal())
	if err := g.begin(ctx, who{Person: p.id, PasswordAt: p.passwordAt}); err != nil {
		return Principal{}, err
	}
	return p.principal(), nil
}

// begin puts w into the session under a new cookie, so that a cookie somebody
// planted before is worth nothing afterwards.
func (g *Gate) begin(ctx context.Context, w who) error {
	if err := g.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("access: session: %w", err)
	}
	g.sessions.Put(ctx, sessionKey, w)
	return nil
}

func hostOf(remoteAddr string) string {
	if host, _, err := net.SplitHostPort(remoteAddr); err == nil {
		return host
	}
	return remoteAddr
}

// sessionStore keeps sessions in the state; scs gives it hashes of tokens. Its
// clock is the system's, because scs computes the expiry with that one.
type sessionStore struct{ g *Gate }

var _ scs.CtxStore = (*sessionStore)(nil)

func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	err := s.g.db.Reader().QueryRowContext(ctx, queries.Get("find_session"), token, time.Now().UnixMicro()).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// CommitCtx also forgets the sessions that have ended: beginning one is rare.
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return s.g.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, queries.Get("delete_expired_sessions"), time.Now().UnixMicro()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, queries.Get("save_session"), token, data, expiry.UnixMicro())
		return err
	})
}

func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.g.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get("delete_session"), token)
		return err
	})
}

func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *sessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

func (s *sessionStore) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}
