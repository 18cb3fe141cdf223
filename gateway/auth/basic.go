package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
)

const (
	mostPasswordFile = 16 << 20 // bytes of an htpasswd file
	mostPassword     = 1 << 10  // bytes of a password that is looked at
)

// Basic lets through requests with a name and its password (auth/basic). Others get
// 401, with a WWW-Authenticate header: without it no browser would ask (RFC 9110,
// 11.6.1).
//
// A password is slow to check, on purpose. One that was right is remembered, as a hash
// with a secret of this process; checks of others take turns, so that guessing does not
// take the processors from everybody else.
type Basic struct {
	users  map[string][]byte // name → bcrypt hash
	dummy  []byte            // what a name that nobody has is checked with, to take as long
	keeper *Keeper
	kind   uint32
	naming naming
}

func (k *Keeper) basic(c *config.Basic, e *config.Endpoint) (*Basic, error) {
	users := map[string][]byte{}
	if c.HtpasswdPath != "" {
		if err := readHtpasswd(c.HtpasswdPath, users); err != nil {
			return nil, fmt.Errorf("extra_config.auth/basic.htpasswd_path: %w", err)
		}
	}
	for name, hash := range c.Users {
		users[name] = []byte(hash)
	}
	if len(users) == 0 {
		return nil, errors.New("extra_config.auth/basic: nobody could call: there is no user")
	}
	b := &Basic{users: users, keeper: k, naming: k.naming(e, "Authorization")}
	for _, hash := range users {
		b.dummy = hash
	}
	b.kind = k.kind(fmt.Sprintf("basic %q", users))
	return b, nil
}

// Admit implements Guard.
func (b *Basic) Admit(w http.ResponseWriter, r *http.Request, _ []string) (*http.Request, bool) {
	x := moesif.From(r.Context())
	name, password, ok := r.BasicAuth()
	if !ok || !b.right(r.Context(), name, password) {
		x.Refuse(moesif.Unauthenticated)
		w.Header()["Www-Authenticate"] = challenge
		refuse(w, http.StatusUnauthorized)
		return nil, false
	}
	b.naming.set(x, r, name)
	return r, true
}

// challenge is never changed.
var challenge = []string{`Basic realm="Restricted", charset="UTF-8"`}

// right reports whether it is the password of name.
func (b *Basic) right(ctx context.Context, name, password string) bool {
	if len(password) > mostPassword {
		return false
	}
	id := tokenID{b.keeper.blind(strconv.Itoa(len(name)) + ":" + name + password), b.kind}
	if b.keeper.verified.get(id, time.Now()) != nil {
		return true
	}
	select {
	case b.keeper.turns <- struct{}{}:
		defer func() { <-b.keeper.turns }()
	case <-ctx.Done():
		return false
	}
	hash, known := b.users[name]
	if !known {
		hash = b.dummy
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !known {
		return false
	}
	b.keeper.verified.put(id, &knownToken{until: time.Now().Add(longestKept), bytes: sha256.Size})
	return true
}

// turns is how many passwords are checked at a time: a half of the processors.
func turns() chan struct{} { return make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)) }

// readHtpasswd reads name:hash lines. The error names a line, never what it holds.
func readHtpasswd(path string, users map[string][]byte) error {
	text, err := readBounded(path, mostPasswordFile)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, hash, _ := strings.Cut(line, ":")
		if name == "" || !config.IsBcrypt(hash) {
			return fmt.Errorf("%s:%d: must be a name, a colon and a bcrypt hash such as $2y$10$… (htpasswd -B makes one)", path, n)
		}
		users[name] = []byte(hash)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

var _ Guard = (*Basic)(nil)
