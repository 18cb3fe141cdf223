package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/alexedwards/argon2id"
)

// Bounds of a password, in bytes.
const (
	MinPassword = 10
	MaxPassword = 512
)

// argon2id with 64 MiB and one pass; the lanes are fixed, so that a hash costs
// the same wherever the data directory is taken to.
var hashing = &argon2id.Params{Memory: 64 << 10, Iterations: 1, Parallelism: 2, SaltLength: 16, KeyLength: 32}

type person struct {
	id, email, hash string
	passwordAt      int64 // a session begun under another password is void
	role            Role
}

func scanPerson(row *sql.Row) (person, error) {
	var p person
	err := row.Scan(&p.id, &p.email, &p.hash, &p.passwordAt, &p.role)
	return p, err
}

func (p person) principal() Principal {
	return Principal{Person: p.id, Email: p.email, Role: p.role, Cookie: true}
}

// checkPassword returns the person with this e-mail and password. It takes as
// long for a person who does not exist.
func (g *Gate) checkPassword(ctx context.Context, email, password string) (person, error) {
	if len(password) > MaxPassword {
		return person{}, ErrRefused
	}
	p, err := scanPerson(g.db.Reader().QueryRowContext(ctx, queries.Get("person_by_email"), strings.TrimSpace(email)))
	unknown := errors.Is(err, sql.ErrNoRows)
	if err != nil && !unknown {
		return person{}, fmt.Errorf("access: person: %w", err)
	}
	release, err := g.acquireHashing(ctx)
	if err != nil {
		return person{}, err
	}
	defer release()
	if unknown || p.hash == "" { // without a password: signs in through the issuer
		if _, err := argon2id.CreateHash(password, hashing); err != nil {
			return person{}, fmt.Errorf("access: password: %w", err)
		}
		return person{}, ErrRefused
	}
	ok, err := argon2id.ComparePasswordAndHash(password, p.hash)
	if err != nil {
		return person{}, fmt.Errorf("access: password of %s: %w", p.id, err)
	}
	if !ok {
		return person{}, ErrRefused
	}
	return p, nil
}

// emailOf returns an e-mail address without the space around it.
func emailOf(text string) (string, error) {
	text = strings.TrimSpace(text)
	if a, err := mail.ParseAddress(text); err != nil || a.Address != text || len(text) > 320 {
		return "", &FieldError{Field: "email", Message: "must be an e-mail address"}
	}
	return text, nil
}

// hashOf returns what is kept of a password.
func (g *Gate) hashOf(ctx context.Context, password string) (string, error) {
	if len(password) < MinPassword || len(password) > MaxPassword {
		return "", &FieldError{Field: "password", Message: fmt.Sprintf("must have %d to %d characters", MinPassword, MaxPassword)}
	}
	release, err := g.acquireHashing(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	hash, err := argon2id.CreateHash(password, hashing)
	if err != nil {
		return "", fmt.Errorf("access: password: %w", err)
	}
	return hash, nil
}

// setPassword makes the first person, or changes the one with this id.
func (g *Gate) setPassword(ctx context.Context, id, email, password string) (person, error) {
	email, err := emailOf(email)
	if err != nil {
		return person{}, err
	}
	hash, err := g.hashOf(ctx, password)
	if err != nil {
		return person{}, err
	}
	now := g.clock().UnixMicro()
	p := person{id: id, email: email, hash: hash, passwordAt: now, role: Owner}
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		other, err := scanPerson(tx.QueryRowContext(ctx, queries.Get("person_by_email"), email))
		if err == nil && other.id != id {
			return ErrEmailTaken
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if id != "" {
			old, err := scanPerson(tx.QueryRowContext(ctx, queries.Get("person_by_id"), id))
			if err != nil {
				return err
			}
			// Two changes in one microsecond must still void the sessions.
			p.passwordAt, p.role = max(now, old.passwordAt+1), old.role
			_, err = tx.ExecContext(ctx, queries.Get("change_person"), email, hash, p.passwordAt, id)
			return err
		}
		// Only the first person comes in by the token; when somebody was faster
		// the session of the token is void.
		if n, err := count(ctx, tx); err != nil || n > 0 {
			return errors.Join(ErrNobody, err)
		}
		p.id = newID("person")
		if err := add(ctx, tx, p, "", now); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("drop_sign_in_token"))
		return err
	})
	if err != nil {
		return person{}, fmt.Errorf("access: person: %w", err)
	}
	return p, nil
}

// acquireHashing waits for one of the few places where a password may be hashed:
// each takes 64 MiB, and whoever asks is not signed in yet.
func (g *Gate) acquireHashing(ctx context.Context) (release func(), err error) {
	select {
	case g.hashing <- struct{}{}:
		return func() { <-g.hashing }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("access: password: %w", ctx.Err())
	}
}

// FieldError says which field of a request was wrong, and why.
type FieldError struct{ Field, Message string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }
