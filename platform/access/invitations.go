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
	invitationLifetime = 7 * 24 * time.Hour
	maxInvitations     = 1000
)

// Invitation lets whoever has its token become a person.
type Invitation struct {
	ID        string
	Email     string
	Role      Role
	CreatedBy string // id of a person, "" for the administrator's token
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Invitations lists those that can still be accepted, oldest first.
func (g *Gate) Invitations(ctx context.Context) (list []Invitation, err error) {
	rows, err := g.db.Reader().QueryContext(ctx, queries.Get("invitations"), g.clock().UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("access: invitations: %w", err)
	}
	defer closeRows(rows, &err)
	for rows.Next() {
		var i Invitation
		var created, expires int64
		if err := rows.Scan(&i.ID, &i.Email, &i.Role, &i.CreatedBy, &created, &expires); err != nil {
			return nil, fmt.Errorf("access: invitations: %w", err)
		}
		i.CreatedAt, i.ExpiresAt = time.UnixMicro(created).UTC(), time.UnixMicro(expires).UTC()
		list = append(list, i)
	}
	return list, rows.Err()
}

// Invite makes an invitation and returns its token, which works once within seven
// days and cannot be read again. It takes the place of an earlier one for the
// same address.
func (g *Gate) Invite(ctx context.Context, me Principal, email string, role Role) (Invitation, string, error) {
	email, err := emailOf(email)
	if err != nil {
		return Invitation{}, "", err
	}
	if err := checkRole(me, role); err != nil {
		return Invitation{}, "", err
	}
	now := g.clock().UTC().Truncate(time.Microsecond)
	i := Invitation{ID: newID("invitation"), Email: email, Role: role, CreatedBy: me.makes(), CreatedAt: now, ExpiresAt: now.Add(invitationLifetime)}
	token := rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(token))
	Note(ctx, "email", email)
	Note(ctx, "role", string(role))
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := scanPerson(tx.QueryRowContext(ctx, queries.Get("person_by_email"), email))
		if err == nil {
			return ErrEmailTaken
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := g.replaceInvitation(ctx, tx, me, email, now); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("add_invitation"), i.ID, i.Email, string(i.Role), hash[:], i.CreatedBy, now.UnixMicro(), i.ExpiresAt.UnixMicro())
		return err
	})
	if err != nil {
		return Invitation{}, "", fmt.Errorf("access: invitation: %w", err)
	}
	return i, token, nil
}

// replaceInvitation makes room for a new invitation of this address.
func (g *Gate) replaceInvitation(ctx context.Context, tx *sql.Tx, me Principal, email string, now time.Time) error {
	before, err := scanInvitation(tx.QueryRowContext(ctx, queries.Get("invitation_by_email"), email, now.UnixMicro()))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if before.Role == Owner && !me.May(WriteOwners) {
		return ErrOwnersOnly
	}
	if _, err := tx.ExecContext(ctx, queries.Get("delete_invitations_in_the_way"), email, now.UnixMicro()); err != nil {
		return err
	}
	var n int
	if err := tx.QueryRowContext(ctx, queries.Get("invitations_count")).Scan(&n); err != nil {
		return err
	}
	if n >= maxInvitations {
		return &FieldError{Field: "email", Message: fmt.Sprintf("there are %d open invitations, the most there can be", n)}
	}
	return nil
}

// Uninvite takes an invitation back.
func (g *Gate) Uninvite(ctx context.Context, me Principal, id string) error {
	err := g.db.Write(ctx, func(tx *sql.Tx) error {
		i, err := scanInvitation(tx.QueryRowContext(ctx, queries.Get("invitation_by_id"), id))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if i.Role == Owner && !me.May(WriteOwners) {
			return ErrOwnersOnly
		}
		Note(ctx, "email", i.Email)
		return one(tx.ExecContext(ctx, queries.Get("delete_invitation"), id))
	})
	if err != nil {
		return fmt.Errorf("access: invitation: %w", err)
	}
	return nil
}

// Join makes a person of whoever has an invitation's token, with this password,
// and begins a session. A token that is wrong, used or too old is ErrRefused.
func (g *Gate) Join(ctx context.Context, token, password, remoteAddr string) (Principal, error) {
	var p person
	err := g.try(hostOf(remoteAddr), "", func() (err error) {
		p, err = g.join(ctx, token, password)
		return err
	})
	if err != nil {
		return Principal{}, err
	}
	return g.beginPerson(ctx, p)
}

func (g *Gate) join(ctx context.Context, token, password string) (person, error) {
	now := g.clock().UnixMicro()
	hash := sha256.Sum256([]byte(token))
	// Looked at before as well: whoever has no invitation gets no password hashed.
	if _, err := scanInvitation(g.db.Reader().QueryRowContext(ctx, queries.Get("invitation_by_hash"), hash[:], now)); err != nil {
		return person{}, refusedWithout(err)
	}
	passwordHash, err := g.hashOf(ctx, password)
	if err != nil {
		return person{}, err
	}
	p := person{id: newID("person"), hash: passwordHash, passwordAt: now}
	err = g.db.Write(ctx, func(tx *sql.Tx) error {
		i, err := scanInvitation(tx.QueryRowContext(ctx, queries.Get("invitation_by_hash"), hash[:], now))
		if err != nil {
			return refusedWithout(err)
		}
		p.email, p.role = i.Email, i.Role
		return g.accept(ctx, tx, i, p, "", now)
	})
	return p, err
}

// accept makes the person that an invitation is for, and uses it up.
func (g *Gate) accept(ctx context.Context, tx *sql.Tx, i Invitation, p person, subject string, now int64) error {
	Note(ctx, "email", p.email)
	Note(ctx, "role", string(p.role))
	if err := add(ctx, tx, p, subject, now); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, queries.Get("delete_invitation"), i.ID)
	return err
}

// refusedWithout makes ErrRefused of an invitation that is not there.
func refusedWithout(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrRefused
	}
	return fmt.Errorf("access: invitation: %w", err)
}

func scanInvitation(row *sql.Row) (i Invitation, err error) {
	err = row.Scan(&i.ID, &i.Email, &i.Role)
	return i, err
}
