package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// SignInToken issues a new one-time token for the first sign-in and makes every
// earlier one worthless. It is "" when somebody has a password: then nobody
// needs it any more.
func (g *Gate) SignInToken(ctx context.Context) (string, error) {
	token := rand.Text()
	hash := sha256.Sum256([]byte(token))
	err := g.db.Write(ctx, func(tx *sql.Tx) error {
		n, err := count(ctx, tx)
		if err != nil {
			return err
		}
		if n > 0 {
			token = ""
			_, err := tx.ExecContext(ctx, queries.Get("drop_sign_in_token"))
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("set_sign_in_token"), hash[:], g.clock().UnixMicro())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("access: sign-in token: %w", err)
	}
	return token, nil
}

// WriteSecrets keeps text in the secrets file, or removes the file when text is "".
func (g *Gate) WriteSecrets(text string) error {
	if g.secrets == "" {
		return nil
	}
	if text == "" {
		if err := os.Remove(g.secrets); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("access: secrets: %w", err)
		}
		return nil
	}
	// A new file under another name: the mode of an old one is not trusted, and
	// a reader never sees half of it.
	f, err := os.CreateTemp(filepath.Dir(g.secrets), ".secrets-*") // 0600
	if err != nil {
		return fmt.Errorf("access: secrets: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), g.secrets)
	}
	if err != nil {
		return fmt.Errorf("access: secrets: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// useToken takes the one-time token out of circulation if it is the right one.
func (g *Gate) useToken(ctx context.Context, token string) error {
	hash := sha256.Sum256([]byte(token))
	return g.db.Write(ctx, func(tx *sql.Tx) error {
		var want []byte
		err := tx.QueryRowContext(ctx, queries.Get("sign_in_token")).Scan(&want)
		if errors.Is(err, sql.ErrNoRows) || err == nil && subtle.ConstantTimeCompare(want, hash[:]) != 1 {
			return ErrRefused
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("use_sign_in_token"), want)
		return err
	})
}

// IsAdmin compares a bearer token with the administrator's, in constant time.
func (g *Gate) IsAdmin(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return g.hasAdmin && subtle.ConstantTimeCompare(hash[:], g.admin[:]) == 1
}

func count(ctx context.Context, tx *sql.Tx) (n int, err error) {
	err = tx.QueryRowContext(ctx, queries.Get("people_count")).Scan(&n)
	return n, err
}
