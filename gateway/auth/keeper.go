// Package auth knows who calls: guards that stand before an endpoint's pipe and
// let a request go on only when its caller is known and allowed (KrakenD v3, 3 and
// 5), and the tokens that the gateway itself shows to backends.
package auth

import (
	"context"
	"log/slog"
	"net/http"
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
	kinds   map[string]uint32   // ways to verify a token, see Validator.kind
}

// NewKeeper returns a Keeper that logs to logger. Close it.
func NewKeeper(logger *slog.Logger) *Keeper {
	ctx, stop := context.WithCancel(context.Background())
	return &Keeper{
		logger: logger, verified: newVerified(mostVerified), ctx: ctx, stop: stop,
		issuers: map[issuerID]*issuer{}, rings: map[string]*keyring{}, kinds: map[string]uint32{},
	}
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

// Guards compiles what e asks of its callers, in the order in which it is asked. The
// error begins with the key that can't be used. A nil Keeper knows no guard.
func (k *Keeper) Guards(e *config.Endpoint) ([]Guard, error) {
	var list []Guard
	if k == nil {
		return nil, nil
	}
	if e.Validator != nil {
		v, err := k.validator(e.Validator, e.Method+" "+e.Path)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
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
