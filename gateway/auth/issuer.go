package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	fetchTimeout = 10 * time.Second
	mostKeyBytes = 1 << 20 // of a JWK set
	mostHeader   = 64 << 10
	// betweenFetches is the least time from one fetch that did not help, since it
	// failed or did not hold the key that was looked for, to the next of that kind:
	// neither an outage nor made-up key ids turn into a flood at the issuer.
	betweenFetches = time.Second
	// longestOutage is how old keys may get while the issuer does not give others.
	longestOutage = 24 * time.Hour
	// mostUnknown bounds the key ids that failed_jwk_key_cooldown remembers.
	mostUnknown = 1000
)

var errTooOld = errors.New("the issuer's keys are too old")

// source says where keys are, and how they are had.
type source struct {
	url, ca  string
	suites   []uint16
	pins     [][]byte
	insecure bool
	private  bool // they sign
}

// issuerID is what makes the keys of two validators, or of two signers, the same.
type issuerID struct {
	url, ca      string
	suites, pins string
	insecure     bool
	private      bool
}

// issuer gives the keys at an address.
type issuer struct {
	url    string
	user   string // the namespace, for the log
	parse  func(text []byte) (*keyring, error)
	client *http.Client
	logger *slog.Logger

	fetches errand
	current atomic.Pointer[fetched] // nil until the first success

	mu      sync.Mutex           // guards the fields below
	sought  time.Time            // start of the last fetch for an unknown key
	unknown map[string]time.Time // key ids that were not found, until when that counts
}

// fetched are keys, and when they were had.
type fetched struct {
	*keyring
	at time.Time
}

// issuer is that of an address, one for all that ask for the same.
func (k *Keeper) issuer(c source) (*issuer, error) {
	id := issuerID{c.url, c.ca, fmt.Sprint(c.suites), fmt.Sprint(c.pins), c.insecure, c.private}
	if i := k.issuers[id]; i != nil {
		return i, nil
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: c.suites},
		TLSHandshakeTimeout:    fetchTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: mostHeader,
	}
	if id.ca != "" {
		pem, err := os.ReadFile(id.ca)
		if err != nil {
			return nil, fmt.Errorf("jwk_local_ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("jwk_local_ca: %s holds no PEM certificate", id.ca)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	if pins := c.pins; len(pins) > 0 {
		transport.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error { return pinned(slices.Concat(s.VerifiedChains...), pins) }
	}
	i := &issuer{url: id.url, user: "auth/validator", parse: parseKeyring, logger: k.logger, client: &http.Client{Transport: transport}}
	if id.private {
		i.user, i.parse = "auth/signer", parseSigningKeys
	}
	i.fetches.keeper, i.fetches.run = k, i.get
	if !id.insecure {
		i.client.CheckRedirect = onlySecure
	}
	k.issuers[id] = i
	return i, nil
}

// pinned wants a public key of a chain that was verified to be one of pins (RFC 7469,
// 2.6): what else a server sends proves nothing.
func pinned(chain []*x509.Certificate, pins [][]byte) error {
	for _, cert := range chain {
		sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		if slices.ContainsFunc(pins, func(pin []byte) bool { return bytes.Equal(pin, sum[:]) }) {
			return nil
		}
	}
	return errors.New("no certificate of the issuer is one of jwk_fingerprints")
}

// onlySecure keeps a redirect from leaving TLS.
func onlySecure(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != "https" {
		return errors.New("redirected to an address without TLS")
	}
	if len(via) >= 10 {
		return errors.New("redirected ten times")
	}
	return nil
}

// keys gives the issuer's keys, at most maxAge old; 0 asks for new ones. From maxAge
// on they are renewed beside the requests, from twice that before them. When new ones
// can't be had the last ones go on to count, for longestOutage.
func (i *issuer) keys(ctx context.Context, maxAge time.Duration) (*keyring, error) {
	have := i.current.Load()
	if have != nil && maxAge > 0 {
		switch age := time.Since(have.at); {
		case age < maxAge:
			return have.keyring, nil
		case age < 2*maxAge:
			i.fetches.begin()
			return have.keyring, nil
		}
	}
	err := i.fetches.begin().wait(ctx)
	if have = i.current.Load(); have != nil && time.Since(have.at) < longestOutage+maxAge {
		return have.keyring, nil
	}
	return nil, cmp.Or(err, errTooOld)
}

// renewed gives keys that are newer than old, which has no key called id; or old,
// when it is too early to ask again. cooldown is failed_jwk_key_cooldown.
func (i *issuer) renewed(ctx context.Context, old *keyring, id string, cooldown time.Duration) *keyring {
	i.mu.Lock()
	now := time.Now()
	have := i.current.Load()
	early := now.Sub(i.sought) < betweenFetches || now.Sub(have.at) < betweenFetches || now.Before(i.unknown[id])
	running := i.fetches.isRunning()
	if have.keyring != old || early && !running {
		i.mu.Unlock()
		return have.keyring
	}
	if !running {
		i.sought = now
	}
	i.mu.Unlock()
	if err := i.fetches.begin().wait(ctx); err != nil {
		return old
	}
	if cooldown > 0 { // where the key was found nobody comes here for it again
		i.missed(id, now.Add(cooldown))
	}
	return i.current.Load().keyring
}

// missed remembers until when a key is not asked for again.
func (i *issuer) missed(id string, until time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.unknown == nil || len(i.unknown) >= mostUnknown {
		i.unknown = map[string]time.Time{}
	}
	i.unknown[id] = until
}

// get fetches the keys. A text that has not changed leaves the ring that was read
// from it, so that tokens verified with it stay verified.
func (i *issuer) get(ctx context.Context) error {
	ring, err := i.download(ctx)
	if err != nil {
		i.logger.Warn(i.user+": no keys from the issuer", "jwk_url", address(i.url), "error", err)
		return err
	}
	if have := i.current.Load(); have != nil && have.sum == ring.sum {
		ring = have.keyring
	}
	i.current.Store(&fetched{keyring: ring, at: time.Now()})
	return nil
}

func (i *issuer) download(ctx context.Context) (*keyring, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url, http.NoBody)
	if err != nil {
		return nil, errors.New("the address can't be called")
	}
	r.Header.Set("Accept", "application/json")
	resp, err := i.client.Do(r)
	if err != nil {
		return nil, withoutAddress(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", resp.StatusCode)
	}
	text, err := allOf(resp.Body, mostKeyBytes)
	if err != nil {
		return nil, fmt.Errorf("its answer: %w", err)
	}
	ring, err := i.parse(text)
	if err != nil {
		return nil, fmt.Errorf("its answer %w", err)
	}
	return ring, nil
}

// address is one for the log: without credentials, and without a query, which may
// hold some.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// withoutAddress is err as it was before net/http added the address.
func withoutAddress(err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}
