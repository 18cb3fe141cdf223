// Package auth knows who calls: guards that stand before an endpoint's pipe and
// let a request go on only when its caller is known and allowed (KrakenD v3, 3 and
// 5), and the tokens that the gateway itself shows to backends.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/textproto"
	"sync"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Keeper holds what the guards of all endpoints share: the keys of issuers, one set
// an address, and the tokens that were verified. It is safe for concurrent use once
// all guards are made.
type Keeper struct {
	logger   *slog.Logger
	verified *verified

	ctx  context.Context // of fetches, which outlive the request that began them
	stop context.CancelFunc

	mu     sync.Mutex // guards closed, and that nothing is begun after it is set
	closed bool
	busy   sync.WaitGroup

	issuers map[issuerID]*issuer
	rings   map[string]*keyring // of local files
	kinds   map[string]uint32   // ways to verify a token or a password

	servers     map[string]*tokenServer
	secret      [sha256.Size]byte // of this process, see blind
	turns       chan struct{}     // holds one for each password that is being checked
	keys        *apiKeys          // nil: there are none
	revoker     *Revoker          // nil: no token is revoked
	userHeaders []string          // user_id_headers of the integration, canonical
}

// NewKeeper returns the Keeper of s, which logs to logger. Close it.
func NewKeeper(s *config.Service, logger *slog.Logger) *Keeper {
	ctx, stop := context.WithCancel(context.Background())
	k := &Keeper{
		logger: logger, verified: newVerified(mostVerified), ctx: ctx, stop: stop,
		issuers: map[issuerID]*issuer{}, rings: map[string]*keyring{}, kinds: map[string]uint32{}, turns: turns(),
		servers: map[string]*tokenServer{},
	}
	_, _ = rand.Read(k.secret[:]) // never fails
	if s.APIKeys != nil {
		k.keys = newAPIKeys(s.APIKeys, k.blind)
	}
	if s.Moesif != nil {
		for _, name := range s.Moesif.UserIDHeaders {
			k.userHeaders = append(k.userHeaders, textproto.CanonicalMIMEHeaderKey(name))
		}
	}
	return k
}

// blind hides a secret: equal ones give equal sums, which tell nobody outside of this
// process anything.
func (k *Keeper) blind(text string) [sha256.Size]byte {
	var room [512]byte
	return sha256.Sum256(append(append(room[:0], k.secret[:]...), text...))
}

// kind is a number for a way to verify, the same for the same description.
func (k *Keeper) kind(description string) uint32 {
	if _, known := k.kinds[description]; !known {
		k.kinds[description] = uint32(len(k.kinds))
	}
	return k.kinds[description]
}

// Close ends what is being fetched, and returns when it has ended.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.stop()
	k.busy.Wait()
	for _, i := range k.issuers {
		i.client.CloseIdleConnections()
	}
}

// begin runs f in a goroutine that Close waits for; false when it is too late.
func (k *Keeper) begin(f func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closed {
		k.busy.Go(f)
	}
	return !k.closed
}

// Guard stands before an endpoint's pipe: it lets a request go on, as the one that it
// returns, or answers it and returns false.
type Guard interface {
	Admit(w http.ResponseWriter, r *http.Request, values []string) (*http.Request, bool)
}

// Guards are those of one endpoint, in the order in which requests meet them. What
// governs stands between the two.
type Guards struct {
	Identify []Guard // who calls, and whether they may
	Limit    []Guard // how often
}

// Guards compiles what e asks of its callers: a key, then a password, then a token, and
// all of those that it names. The error begins with the key that can't be used.
func (k *Keeper) Guards(e *config.Endpoint) (Guards, error) {
	var g Guards
	if e.APIKeys != nil {
		if k.keys == nil {
			return g, errors.New("extra_config.auth/api-keys: there are no keys")
		}
		header := e.APIKeys.Identifier
		if e.APIKeys.InQuery {
			header = ""
		}
		g.Identify = append(g.Identify, &KeyGuard{KeyAccess: *e.APIKeys, keys: k.keys, naming: k.naming(e, header)})
		if limit := e.APIKeys.ClientMaxRate; limit > 0 {
			g.Limit = append(g.Limit, newKeyLimit(limit, k.keys.count))
		}
	}
	if e.Basic != nil {
		b, err := k.basic(e.Basic, e)
		if err != nil {
			return g, err
		}
		g.Identify = append(g.Identify, b)
	}
	if e.Validator != nil {
		v, err := k.validator(e.Validator, e.Method+" "+e.Path)
		if err != nil {
			return g, err
		}
		g.Identify = append(g.Identify, v)
	}
	if e.Signer != nil {
		s, err := k.Signer(e)
		if err != nil {
			return g, err
		}
		g.Identify = append(g.Identify, s)
	}
	return g, nil
}

// contextKey finds the claims in a request's context.
type contextKey struct{}

// Claims are those of the token that an endpoint has validated for the request of
// ctx, nil when there is none. Numbers are json.Number. The map is shared between
// requests and must not be changed.
func Claims(ctx context.Context) map[string]any {
	claims, _ := ctx.Value(contextKey{}).(map[string]any)
	return claims
}

// withClaims is r with what Claims finds.
func withClaims(r *http.Request, claims map[string]any) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), contextKey{}, claims))
}

// refuse answers without a body and without the headers of an endpoint's answer
// (KrakenD v3, 9.5).
func refuse(w http.ResponseWriter, status int) { w.WriteHeader(status) }
