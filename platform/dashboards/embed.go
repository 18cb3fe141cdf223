package dashboards

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
)

const (
	// MaxEmbed is how long an embed token can be used.
	MaxEmbed   = 30 * 24 * time.Hour
	tokenStart = "gme_"
	maxToken   = 16 * 1024 // bytes
	maxFrames  = 10
)

// ErrToken says that an embed token is not valid (any more); it does not say why.
var ErrToken = errors.New("this link is not valid, or not any more")

// Grant is what an embed token lets its bearer see: one chart or one dashboard,
// of the calls that satisfy all filters.
type Grant struct {
	App       string               `json:"a"`
	Chart     string               `json:"c,omitempty"`
	Dashboard string               `json:"d,omitempty"`
	Filters   []events.FieldFilter `json:"f,omitempty"`
	Frames    []string             `json:"o,omitempty"` // origins whose pages may show it in a frame
	Expires   int64                `json:"e"`           // seconds since 1970
}

// Sign returns the token of a grant. The filters are inside and signed: whoever
// has the token can neither read more nor change them.
func (s *Store) Sign(ctx context.Context, g Grant) (string, error) {
	if err := s.checkGrant(g); err != nil {
		return "", err
	}
	secret, err := s.secret(ctx, g.App)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(g)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(payload)
	token := tokenStart + text + "." + base64.RawURLEncoding.EncodeToString(sign(secret, text))
	if len(token) > maxToken {
		return "", &FieldError{"filters", "are too long for a token"}
	}
	return token, nil
}

func (s *Store) checkGrant(g Grant) error {
	left := time.Unix(g.Expires, 0).Sub(s.clock())
	if left <= 0 || left > MaxEmbed {
		return &FieldError{"expires_in", fmt.Sprintf("must be at most %d days", MaxEmbed/(24*time.Hour))}
	}
	if (g.Chart == "") == (g.Dashboard == "") {
		return &FieldError{"chart", "name one chart or one dashboard"}
	}
	if len(g.Frames) > maxFrames {
		return &FieldError{"frame_ancestors", fmt.Sprintf("must be at most %d", maxFrames)}
	}
	for i, f := range g.Frames {
		if !isOrigin(f) {
			return &FieldError{fmt.Sprintf("frame_ancestors[%d]", i), "must be an origin, as in https://shop.example"}
		}
	}
	return nil
}

// isOrigin takes scheme, host and port, and nothing that could end a directive
// of a Content-Security-Policy.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || s != u.Scheme+"://"+u.Host {
		return false
	}
	for _, r := range u.Host {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]", r) {
			return false
		}
	}
	return true
}

// Open returns the grant of a token, or ErrToken.
func (s *Store) Open(ctx context.Context, token string) (Grant, error) {
	text, ok := strings.CutPrefix(token, tokenStart)
	if !ok || len(token) > maxToken {
		return Grant{}, ErrToken
	}
	text, signature, _ := strings.Cut(text, ".")
	payload, err := base64.RawURLEncoding.DecodeString(text)
	got, err2 := base64.RawURLEncoding.Strict().DecodeString(signature)
	var g Grant
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err != nil || err2 != nil || d.Decode(&g) != nil {
		return Grant{}, ErrToken
	}
	// The application is not proven yet: it only says whose secret must fit.
	var secret []byte
	err = s.db.Reader().QueryRowContext(ctx, queries.Get("secret"), g.App).Scan(&secret)
	if errors.Is(err, sql.ErrNoRows) {
		return Grant{}, ErrToken
	}
	if err != nil {
		return Grant{}, fmt.Errorf("embed: %w", err)
	}
	if !hmac.Equal(got, sign(secret, text)) || s.clock().Unix() >= g.Expires {
		return Grant{}, ErrToken
	}
	return g, nil
}

func sign(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("gatemeter embed 1\n" + text))
	return h.Sum(nil)
}

// secret returns that of an application; the first call makes it.
func (s *Store) secret(ctx context.Context, app string) (secret []byte, err error) {
	fresh := newSecret()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, queries.Get("make_secret"), app, fresh); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, queries.Get("secret"), app).Scan(&secret)
	})
	if err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	return secret, nil
}

func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// Revoke makes every token of an application void.
func (s *Store) Revoke(ctx context.Context, app string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get("set_secret"), app, newSecret())
		return err
	})
}

// GrantedCharts returns what the grant shows: the charts with their tiles, in order.
// Whether they are shared does not matter: who made the token could see them.
func (s *Store) GrantedCharts(ctx context.Context, g Grant) (title string, charts []Chart, tiles []Tile, err error) {
	if g.Chart != "" {
		c, err := s.Chart(ctx, g.App, g.Chart, Everybody)
		return c.Name, []Chart{c}, []Tile{{Chart: c.ID, Width: 12, Height: 2}}, err
	}
	d, err := s.Dashboard(ctx, g.App, g.Dashboard, Everybody)
	if err != nil {
		return "", nil, nil, err
	}
	all, err := s.Charts(ctx, g.App, Everybody)
	if err != nil {
		return "", nil, nil, err
	}
	for _, tile := range d.Tiles {
		if i := slices.IndexFunc(all, func(c Chart) bool { return c.ID == tile.Chart }); i >= 0 {
			charts, tiles = append(charts, all[i]), append(tiles, tile)
		}
	}
	return d.Name, charts, tiles, nil
}
