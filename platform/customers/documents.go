package customers

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed documents.sql
var documentsFile string

var documentQueries = state.ParseQueries(documentsFile)

// KindSubscription is the third kind of Document; the others are those of Seen.
const KindSubscription = "subscription"

// Document is all that is kept of a user, company or subscription.
type Document struct {
	ID        string
	CompanyID string // a company's is its own id
	Status    string // of a subscription
	// Profile is what upserts have merged to, a JSON object without the members above.
	Profile                         json.RawMessage
	FirstSeen, LastSeen, ModifiedAt time.Time // UTC; zero: never
}

// Document returns one, or ErrNotFound.
func (s *Store) Document(ctx context.Context, app, kind, id string) (Document, error) {
	list, err := s.documents(ctx, kind+"_document", app, id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Document{}, err
	}
	return list[0], nil
}

// SubscriptionDocuments returns those of a company by id, 1000 at most.
func (s *Store) SubscriptionDocuments(ctx context.Context, app, company string) ([]Document, error) {
	return s.documents(ctx, "subscription_documents", app, company)
}

func (s *Store) documents(ctx context.Context, name, app, id string) (list []Document, err error) {
	s.fresh()
	rows, err := s.db.Reader().QueryContext(ctx, documentQueries.Get(name), app, id)
	if err != nil {
		return nil, fmt.Errorf("customers: %s: %w", name, err)
	}
	defer func() {
		if err = errors.Join(err, rows.Close()); err != nil {
			err = fmt.Errorf("customers: %s: %w", name, err)
		}
	}()
	for rows.Next() {
		var d Document
		var profile string
		var first, last, modified sql.NullInt64
		if err := rows.Scan(&d.ID, &d.CompanyID, &d.Status, &profile, &first, &last, &modified); err != nil {
			return nil, err
		}
		d.Profile = json.RawMessage(profile)
		d.FirstSeen, d.LastSeen, d.ModifiedAt = timeOf(first), timeOf(last), timeOf(modified)
		list = append(list, d)
	}
	return list, rows.Err()
}

// Delete forgets a user, company or subscription, or answers ErrNotFound. Events
// stay, and those to come make the customer known again.
func (s *Store) Delete(ctx context.Context, app, kind, id string) error {
	err := s.change(ctx, []who{{app, kind, id}}, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, documentQueries.Get("delete_"+kind), app, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, ErrNotFound)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("customers: delete %s: %w", kind, err)
	}
	s.tell(app, kind)
	return nil
}

// Count returns how many users or companies an application has.
func (s *Store) Count(ctx context.Context, app, kind string) (n int64, err error) {
	name := "users_number"
	if kind == KindCompany {
		name = "companies_number"
	}
	if err := s.db.Reader().QueryRowContext(ctx, documentQueries.Get(name), app).Scan(&n); err != nil {
		return 0, fmt.Errorf("customers: count: %w", err)
	}
	return n, nil
}
