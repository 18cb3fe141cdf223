package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Person is somebody who can sign in.
type Person struct {
	ID        string
	Email     string
	Role      Role
	CreatedAt time.Time
	Password  bool // can sign in with a password
	Issuer    bool // has signed in through the OpenID Connect issuer
}

// Errors of changing people.
var (
	// ErrLastOwner says that nobody would be left who may do everything.
	ErrLastOwner = errors.New("this is the last owner: make somebody else an owner first")
	// ErrOwnersOnly says that only an owner may do this to an owner.
	ErrOwnersOnly = errors.New("only an owner can make, change or remove owners")
)

// People lists the people, those who came first at the front.
func (g *Gate) People(ctx context.Context) (list []Person, err error) {
	rows, err := g.db.Reader().QueryContext(ctx, queries.Get("people"))
	if err != nil {
		return nil, fmt.Errorf("access: people: %w", err)
	}
	defer closeRows(rows, &err)
	for rows.Next() {
		var p Person
		var at int64
		if err := rows.Scan(&p.ID, &p.Email, &p.Role, &at, &p.Password, &p.Issuer); err != nil {
			return nil, fmt.Errorf("access: people: %w", err)
		}
		p.CreatedAt = time.UnixMicro(at).UTC()
		list = append(list, p)
	}
	return list, rows.Err()
}

// ChangeRole gives a person another role, which counts from the next request on.
// Whoever has a lower one afterwards loses the invitations that are still open.
func (g *Gate) ChangeRole(ctx context.Context, me Principal, id string, role Role) error {
	if err := checkRole(me, role); err != nil {
		return err
	}
	Note(ctx, "role", string(role))
	return g.changePerson(ctx, me, id, func(tx *sql.Tx, p person) error {
		if p.role == Owner && role != Owner {
			if err := checkLastOwner(ctx, tx); err != nil {
				return err
			}
		}
		if slices.Index(roles, role) > slices.Index(roles, p.role) {
			if _, err := tx.ExecContext(ctx, queries.Get("delete_invitations_by"), id); err != nil {
				return err
			}
		}
		return one(tx.ExecContext(ctx, queries.Get("set_role"), string(role), id))
	})
}

// RemovePerson removes a person. Sessions, API tokens and open invitations of this
// person are worth nothing from then on.
func (g *Gate) RemovePerson(ctx context.Context, me Principal, id string) error {
	return g.changePerson(ctx, me, id, func(tx *sql.Tx, p person) error {
		if p.role == Owner {
			if err := checkLastOwner(ctx, tx); err != nil {
				return err
			}
		}
		for _, statement := range []string{"delete_invitations_by", "delete_tokens_by", "delete_person"} {
			if _, err := tx.ExecContext(ctx, queries.Get(statement), id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *Gate) changePerson(ctx context.Context, me Principal, id string, change func(tx *sql.Tx, p person) error) error {
	err := g.db.Write(ctx, func(tx *sql.Tx) error {
		p, err := scanPerson(tx.QueryRowContext(ctx, queries.Get("person_by_id"), id))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if p.role == Owner && !me.May(WriteOwners) {
			return ErrOwnersOnly
		}
		Note(ctx, "email", p.email)
		return change(tx, p)
	})
	if err != nil {
		return fmt.Errorf("access: person: %w", err)
	}
	return nil
}

// checkRole says whether me may give somebody this role.
func checkRole(me Principal, role Role) error {
	if !slices.Contains(roles, role) {
		return &FieldError{Field: "role", Message: "must be owner, admin, analyst or read-only"}
	}
	if role == Owner && !me.May(WriteOwners) {
		return ErrOwnersOnly
	}
	return nil
}

func checkLastOwner(ctx context.Context, tx *sql.Tx) error {
	var n int
	if err := tx.QueryRowContext(ctx, queries.Get("owners_count")).Scan(&n); err != nil {
		return err
	}
	if n < 2 {
		return ErrLastOwner
	}
	return nil
}

// add makes a person. An address that somebody has is ErrEmailTaken.
func add(ctx context.Context, tx *sql.Tx, p person, subject string, now int64) error {
	_, err := scanPerson(tx.QueryRowContext(ctx, queries.Get("person_by_email"), p.email))
	if err == nil {
		return ErrEmailTaken
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	noteWho(ctx, p.principal())
	_, err = tx.ExecContext(ctx, queries.Get("add_person"), p.id, p.email, p.hash, p.passwordAt, now, string(p.role), subject)
	return err
}
