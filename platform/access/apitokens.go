package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// MaxTokenLife bounds how long an API token may be good.
	MaxTokenLife = 5 * 366 * 24 * time.Hour
	maxTokens    = 1000
	// usedEvery is how exact the time of last use is.
	usedEvery = time.Minute
	// tokenPrefix tells people, and programs that look for leaked secrets, what it is.
	tokenPrefix = "gmt_"
)

// Token is a bearer token of a program.
type Token struct {
	ID        string
	Name      string
	Scopes    Rights // what it was made for
	CreatedBy string // e-mail address of the maker, "" for the administrator's token
	CreatedAt time.Time
	ExpiresAt time.Time // the zero time: never
	LastUsed  time.Time // to a minute; the zero time: not yet

	maker string // id of the person, "" for the administrator's token
	role  Role   // of the maker, now
}

// rights is what a token may do: what it was made for, and never more than its
// maker may do now.
func (t Token) rights() Rights {
	if t.maker == "" {
		return t.Scopes
	}
	return t.Scopes & t.role.Rights()
}

// Tokens lists the API tokens, newest first.
func (g *Gate) Tokens(ctx context.Context) (list []Token, err error) {
	rows, err := g.db.Reader().QueryContext(ctx, queries.Get("tokens"))
	if err != nil {
		return nil, fmt.Errorf("access: tokens: %w", err)
	}
	defer closeRows(rows, &err)
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, fmt.Errorf("access: tokens: %w", err)
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// AddToken makes an API token and returns its secret, which is not kept: only its
// hash is. Nobody can give away more than they have. life is how long it is good,
// 0 for ever.
func (g *Gate) AddToken(ctx context.Context, me Principal, name string, scopes []Right, life time.Duration) (Token, string, error) {
	name, err := nameOf(name)
	if err != nil {
		return Token{}, "", err
	}
	if err := checkScopes(me, scopes); err != nil {
		return Token{}, "", err
	}
	if life < 0 || life > MaxTokenLife {
		return Token{}, "", &FieldError{Field: "expires_at", Message: "must be in the future, and within five years"}
	}
	now := g.clock().UTC().Truncate(time.Microsecond)
	t := Token{ID: newID("token"), Name: name, Scopes: RightsOf(scopes...), CreatedBy: me.Email, CreatedAt: now, maker: me.makes()}
	var expires int64
	if life > 0 {
		t.ExpiresAt = now.Add(life)
		expires = t.ExpiresAt.UnixMicro()
	}
	secret := tokenPrefix + rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(secret))
	Note(ctx, "id", t.ID)
	Note(ctx, "name", name)
	Note(ctx, "scopes", t.Scopes.String())
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, queries.Get("tokens_count")).Scan(&n); err != nil {
			return err
		}
		if n >= maxTokens {
			return &FieldError{Field: "name", Message: fmt.Sprintf("there are %d tokens already, the most there can be", n)}
		}
		_, err := tx.ExecContext(ctx, queries.Get("add_token"), t.ID, name, hash[:], t.Scopes.String(), t.maker, now.UnixMicro(), expires)
		return err
	})
	if err != nil {
		return Token{}, "", fmt.Errorf("access: token: %w", err)
	}
	return t, secret, nil
}

func checkScopes(me Principal, scopes []Right) error {
	if len(scopes) == 0 {
		return &FieldError{Field: "scopes", Message: "name at least one"}
	}
	for _, s := range scopes {
		if s.Means() == "" {
			return &FieldError{Field: "scopes", Message: fmt.Sprintf("there is no scope %q", s)}
		}
		if !me.May(s) {
			return &FieldError{Field: "scopes", Message: fmt.Sprintf("you may not %s yourself", s)}
		}
	}
	return nil
}

// RevokeToken ends a token at once.
func (g *Gate) RevokeToken(ctx context.Context, id string) error {
	err := g.db.Write(ctx, func(tx *sql.Tx) error {
		var name string
		err := tx.QueryRowContext(ctx, queries.Get("delete_token"), id).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		Note(ctx, "name", name)
		return err
	})
	if err != nil {
		return fmt.Errorf("access: token: %w", err)
	}
	return nil
}

// byAPIToken finds who comes with a token. It looks for the hash, so its timing
// tells nothing about the tokens there are.
func (g *Gate) byAPIToken(ctx context.Context, secret string) (Principal, error) {
	hash := sha256.Sum256([]byte(secret))
	t, err := scanToken(g.db.Reader().QueryRowContext(ctx, queries.Get("token_by_hash"), hash[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, ErrRefused
	}
	if err != nil {
		return Principal{}, fmt.Errorf("access: token: %w", err)
	}
	now := g.clock()
	if !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) {
		return Principal{}, ErrRefused
	}
	if now.Sub(t.LastUsed) >= usedEvery {
		err := g.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, queries.Get("use_token"), now.UnixMicro(), t.ID)
			return err
		})
		if err != nil {
			return Principal{}, fmt.Errorf("access: token: %w", err)
		}
	}
	return Principal{Token: t.ID, TokenName: t.Name, scopes: t.rights(), maker: t.maker}, nil
}

func scanToken(row interface{ Scan(into ...any) error }) (Token, error) {
	var t Token
	var scopes string
	var created, expires, used int64
	err := row.Scan(&t.ID, &t.Name, &scopes, &t.maker, &t.CreatedBy, &t.role, &created, &expires, &used)
	t.Scopes = parseRights(scopes)
	t.CreatedAt, t.ExpiresAt, t.LastUsed = timeOrZero(created), timeOrZero(expires), timeOrZero(used)
	return t, err
}
