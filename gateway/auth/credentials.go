package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// tokenServer gives the tokens that the gateway shows to backends, one at a time
// (RFC 6749, 4.4). It is asked once for all calls that wait.
type tokenServer struct {
	ask     *clientcredentials.Config
	client  *http.Client
	logger  *slog.Logger
	fetches errand
	current atomic.Pointer[shown] // nil until the first success
}

// shown is a token, never changed.
type shown struct {
	header []string  // Authorization
	renew  time.Time // from here on it is renewed beside the calls; zero: never
	until  time.Time // from here on before them; zero: never
}

// WithToken puts the token of auth/client-credentials, where b has one, into what goes
// to next. Tokens are fetched through transport. A token that can't be had fails the
// call, as the backend would.
func (k *Keeper) WithToken(b *config.Backend, transport, next http.RoundTripper) http.RoundTripper {
	c := b.ClientCredentials
	if c == nil {
		return next
	}
	t := &tokenTransport{server: k.tokenServer(c, transport), next: next}
	for _, host := range b.Hosts {
		if u, err := url.Parse(host); err == nil {
			t.hosts = append(t.hosts, strings.ToLower(u.Scheme+"://"+u.Host))
		}
	}
	return t
}

// tokenServer is that of c, one for all backends that ask for the same.
func (k *Keeper) tokenServer(c *config.ClientCredentials, transport http.RoundTripper) *tokenServer {
	id := fmt.Sprintf("%q", []any{c.ClientID, c.ClientSecret, c.TokenURL, c.Scopes, c.Params.Encode()})
	if s := k.servers[id]; s != nil {
		return s
	}
	s := &tokenServer{
		ask: &clientcredentials.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: c.TokenURL, Scopes: c.Scopes, EndpointParams: c.Params,
		},
		// A redirect would take the secret elsewhere.
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		logger: k.logger,
	}
	s.fetches.keeper, s.fetches.run = k, s.fetch
	k.servers[id] = s
	return s
}

// token gives one that is valid.
func (s *tokenServer) token(ctx context.Context) (*shown, error) {
	have := s.current.Load()
	if have != nil {
		now := time.Now()
		if have.until.IsZero() || now.Before(have.renew) {
			return have, nil
		}
		if now.Before(have.until) {
			s.fetches.begin()
			return have, nil
		}
	}
	if err := s.fetches.begin().wait(ctx); err != nil {
		return nil, err
	}
	return s.current.Load(), nil
}

// A token is renewed when a quarter of its time is left, a minute at most, and no more
// shown when a tenth is, ten seconds at most: it has to be good when it arrives.
const (
	mostRenewing = time.Minute
	mostMargin   = 10 * time.Second
)

func (s *tokenServer) fetch(ctx context.Context) error {
	now := time.Now()
	t, err := s.ask.Token(context.WithValue(ctx, oauth2.HTTPClient, s.client))
	if err == nil && !isFieldValue(t.AccessToken) {
		err = errors.New("a token that no header may hold")
	}
	if err != nil {
		err = withoutAnswer(err)
		s.logger.Warn("auth/client-credentials: no token", "token_url", address(s.ask.TokenURL), "error", err)
		return fmt.Errorf("auth/client-credentials: no token from %s: %w", address(s.ask.TokenURL), err)
	}
	have := &shown{header: []string{t.Type() + " " + t.AccessToken}}
	if !t.Expiry.IsZero() {
		life := t.Expiry.Sub(now)
		have.renew = t.Expiry.Add(-min(life/4, mostRenewing))
		have.until = t.Expiry.Add(-min(life/10, mostMargin))
	}
	s.current.Store(have)
	return nil
}

// withoutAnswer is err without what the server wrote, which may hold secrets, and
// without the address.
func withoutAnswer(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		return fmt.Errorf("answered %d %s", refused.Response.StatusCode, oauthCode(refused.ErrorCode))
	}
	return withoutAddress(err)
}

// oauthCode is the error of an answer if it is one of RFC 6749, 5.2.
func oauthCode(code string) string {
	known := []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
	if slices.Contains(known, code) {
		return code
	}
	return "without a known reason"
}

// tokenTransport shows a token to the hosts of a backend. Where a redirect leads away
// from them it is not shown.
type tokenTransport struct {
	server *tokenServer
	hosts  []string // scheme://host[:port], in lower case
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(t.hosts, strings.ToLower(r.URL.Scheme+"://"+r.URL.Host)) {
		return t.next.RoundTrip(r)
	}
	token, err := t.server.token(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	with := *r // a redirect copies the headers of r, which must not have it
	with.Header = maps.Clone(r.Header)
	if with.Header == nil {
		with.Header = http.Header{}
	}
	with.Header["Authorization"] = token.header
	resp, err := t.next.RoundTrip(&with)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

var _ http.RoundTripper = (*tokenTransport)(nil)
