package customers

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

// ErrNotFound says that an application has no such customer.
var ErrNotFound = errors.New("no such customer")

// TooLarge is the reason for which an upsert is refused that would make a
// profile larger than MaxProfile.
const TooLarge = "too_large"

// Store keeps customers in the state's database. It is safe for concurrent use.
type Store struct {
	db      *state.DB
	clock   func() time.Time
	changed Changed // nil: nobody

	sightings sightings
}

// New returns a store on db.
func New(db *state.DB, clock func() time.Time) *Store {
	return &Store{db: db, clock: clock, sightings: newSightings()}
}

// upsert is one document on its way into one table.
type upsert struct {
	id       string
	document any      // marshals to what is merged into the profile
	session  string   // appended to the profile's session_tokens
	drop     []string // members of the document that live in columns of their own
	save     []any    // columns between id and profile
}

// UpsertUsers merges users into the stored profiles, all of them or, after an
// error, none. It returns which were refused instead.
func (s *Store) UpsertUsers(ctx context.Context, app string, users []wire.User) ([]wire.Rejection, error) {
	ups := make([]upsert, len(users))
	for i, u := range users {
		ups[i] = upsert{u.UserID, u, u.SessionToken, []string{"user_id", "company_id", "session_token"}, []any{u.CompanyID}}
	}
	return s.upsert(ctx, app, "user", ups)
}

// UpsertCompanies is UpsertUsers for companies.
func (s *Store) UpsertCompanies(ctx context.Context, app string, companies []wire.Company) ([]wire.Rejection, error) {
	ups := make([]upsert, len(companies))
	for i, c := range companies {
		ups[i] = upsert{c.CompanyID, c, c.SessionToken, []string{"company_id", "session_token"}, nil}
	}
	return s.upsert(ctx, app, "company", ups)
}

// UpsertSubscriptions is UpsertUsers for subscriptions.
func (s *Store) UpsertSubscriptions(ctx context.Context, app string, subscriptions []wire.Subscription) ([]wire.Rejection, error) {
	ups := make([]upsert, len(subscriptions))
	for i, v := range subscriptions {
		ups[i] = upsert{v.SubscriptionID, v, "", []string{"subscription_id", "company_id", "status"}, []any{v.CompanyID, v.Status}}
	}
	return s.upsert(ctx, app, "subscription", ups)
}

func (s *Store) upsert(ctx context.Context, app, kind string, ups []upsert) ([]wire.Rejection, error) {
	var rejected []wire.Rejection
	of := make([]who, len(ups))
	for i := range ups {
		of[i] = who{app, kind, ups[i].id}
	}
	err := s.change(ctx, of, func(tx *sql.Tx) error {
		for i, u := range ups {
			profile := []byte("{}")
			err := tx.QueryRowContext(ctx, queries.Get(kind+"_profile"), app, u.id).Scan(&profile)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			profile, err = merge(profile, u)
			if errors.Is(err, errTooLarge) {
				rejected = append(rejected, wire.Rejection{Index: i, Reason: TooLarge})
				continue
			}
			if err != nil {
				return fmt.Errorf("%s %q: %w", kind, u.id, err)
			}
			args := append([]any{app, u.id}, u.save...)
			args = append(args, string(profile), s.clock().UnixMicro())
			if _, err := tx.ExecContext(ctx, queries.Get("save_"+kind), args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("customers: %w", err)
	}
	if len(rejected) < len(ups) {
		s.tell(app, kind)
	}
	return rejected, nil
}

// User is what is known of a user.
type User struct {
	ID, CompanyID, Name, Email string
	FirstSeen, LastSeen        time.Time       // UTC; zero before the first call
	Metadata                   json.RawMessage // {} in lists
}

// Users lists the users of an application by id; their names and e-mail addresses only if
// named, which takes twice as long: Labels has those of some.
func (s *Store) Users(ctx context.Context, app string, named bool) ([]User, error) {
	return s.users(ctx, "users", app, named)
}

// User returns one user with its metadata, or ErrNotFound.
func (s *Store) User(ctx context.Context, app, id string) (User, error) {
	list, err := s.users(ctx, "user", app, id)
	if err != nil || len(list) == 0 {
		return User{}, errors.Join(ErrNotFound, err)
	}
	return list[0], nil
}

func (s *Store) users(ctx context.Context, name, app string, which any) (list []User, err error) {
	err = s.query(ctx, name, app, which, func(rows *sql.Rows) error {
		var u User
		var first, last sql.NullInt64
		var profile []byte
		if err := rows.Scan(&u.ID, &u.CompanyID, &u.Name, &u.Email, &first, &last, &profile); err != nil {
			return err
		}
		u.FirstSeen, u.LastSeen = timeOf(first), timeOf(last)
		u.Metadata = metadataOf(profile)
		list = append(list, u)
		return nil
	})
	return list, err
}

// Company is what is known of a company.
type Company struct {
	ID, Name, Domain    string
	FirstSeen, LastSeen time.Time       // UTC; zero before the first call
	Metadata            json.RawMessage // {} in lists
	Users               int             // users who belong to it; 0 in lists
}

// Companies lists the companies of an application by id; their names and domains only if
// named, which takes twice as long: Labels has those of some.
func (s *Store) Companies(ctx context.Context, app string, named bool) ([]Company, error) {
	return s.companies(ctx, "companies", app, named)
}

// Company returns one company with its metadata, or ErrNotFound.
func (s *Store) Company(ctx context.Context, app, id string) (Company, error) {
	list, err := s.companies(ctx, "company", app, id)
	if err != nil || len(list) == 0 {
		return Company{}, errors.Join(ErrNotFound, err)
	}
	return list[0], nil
}

func (s *Store) companies(ctx context.Context, name, app string, which any) (list []Company, err error) {
	err = s.query(ctx, name, app, which, func(rows *sql.Rows) error {
		var c Company
		var first, last sql.NullInt64
		var profile []byte
		if err := rows.Scan(&c.ID, &c.Name, &c.Domain, &first, &last, &profile, &c.Users); err != nil {
			return err
		}
		c.FirstSeen, c.LastSeen = timeOf(first), timeOf(last)
		c.Metadata = metadataOf(profile)
		list = append(list, c)
		return nil
	})
	return list, err
}

func (s *Store) query(ctx context.Context, name, app string, which any, scan func(*sql.Rows) error) error {
	return s.rows(ctx, name, queries.Get(name), []any{app, which}, scan)
}

// rows gives each row of a statement to scan.
func (s *Store) rows(ctx context.Context, name, statement string, args []any, scan func(*sql.Rows) error) (err error) {
	s.fresh()
	rows, err := s.db.Reader().QueryContext(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("customers: %s: %w", name, err)
	}
	defer func() {
		if err = errors.Join(err, rows.Close()); err != nil {
			err = fmt.Errorf("customers: %s: %w", name, err)
		}
	}()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func timeOf(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micros.Int64).UTC()
}

func metadataOf(profile []byte) json.RawMessage {
	var p struct {
		Metadata json.RawMessage `json:"metadata"`
	}
	if string(profile) == "{}" || json.Unmarshal(profile, &p) != nil || len(p.Metadata) == 0 {
		return json.RawMessage("{}")
	}
	return p.Metadata
}
