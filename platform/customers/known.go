package customers

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed known.sql
var knownFile string

var knownQueries = state.ParseQueries(knownFile)

// tables are the words of known.sql for a kind.
var tables = map[string]string{KindUser: "users", KindCompany: "companies"}

// Known is what there is of a user or company for looking through all of them.
type Known struct {
	ID                  string
	CompanyID           string // of a user
	FirstSeen, LastSeen time.Time
	Profile             []byte // JSON; empty unless asked for, and valid until the next
}

// Each goes through the users or companies of an application by id. With
// profiles their documents are read too.
func (s *Store) Each(ctx context.Context, app, kind string, profiles bool, each func(Known) error) error {
	var k Known
	var first, last sql.NullInt64
	return s.read(ctx, "known_"+tables[kind], []any{app, profiles}, func(rows *sql.Rows) error {
		var profile sql.RawBytes
		if err := rows.Scan(&k.ID, &k.CompanyID, &first, &last, &profile); err != nil {
			return err
		}
		k.FirstSeen, k.LastSeen, k.Profile = timeOf(first), timeOf(last), profile
		return each(k)
	})
}

// SubscriptionFacts are a subscription's state in short.
type SubscriptionFacts struct {
	Status string
	Plans  []string // ids of the plans of its items
}

// SubscriptionFacts returns those of all companies, by company id.
func (s *Store) SubscriptionFacts(ctx context.Context, app string) (map[string][]SubscriptionFacts, error) {
	found := map[string][]SubscriptionFacts{}
	err := s.read(ctx, "subscription_facts", []any{app}, func(rows *sql.Rows) error {
		var company string
		var f SubscriptionFacts
		var text []byte
		if err := rows.Scan(&company, &f.Status, &text); err != nil {
			return err
		}
		var items []wire.SubscriptionItem
		if err := json.Unmarshal(text, &items); err != nil {
			return fmt.Errorf("items of a subscription of %q: %w", company, err)
		}
		for _, i := range items {
			f.Plans = append(f.Plans, i.PlanID)
		}
		found[company] = append(found[company], f)
		return nil
	})
	return found, err
}

// Label is how a list shows a user or company.
type Label struct {
	Name      string
	Detail    string // e-mail of a user, domain of a company
	CompanyID string // of a user
	FirstSeen time.Time
	LastSeen  time.Time
}

// Labels returns those of the ids that are known.
func (s *Store) Labels(ctx context.Context, app, kind string, ids []string) (map[string]Label, error) {
	wanted, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Label, len(ids))
	err = s.read(ctx, "labels_"+tables[kind], []any{app, string(wanted)}, func(rows *sql.Rows) error {
		var id string
		var l Label
		var first, last sql.NullInt64
		if err := rows.Scan(&id, &l.Name, &l.Detail, &l.CompanyID, &first, &last); err != nil {
			return err
		}
		l.FirstSeen, l.LastSeen = timeOf(first), timeOf(last)
		found[id] = l
		return nil
	})
	return found, err
}

// MetadataFields returns the names that the metadata of profiles have, the most
// frequent first, 100 at most: out of a thousand profiles.
func (s *Store) MetadataFields(ctx context.Context, app, kind string) (names []string, err error) {
	err = s.read(ctx, "fields_"+tables[kind], []any{app}, func(rows *sql.Rows) error {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// Subscription is what is known of a subscription.
type Subscription struct {
	wire.Subscription
	ModifiedAt time.Time // UTC
}

// Subscriptions returns those of a company, the latest changed first, 200 at most.
func (s *Store) Subscriptions(ctx context.Context, app, company string) (list []Subscription, err error) {
	err = s.read(ctx, "company_subscriptions", []any{app, company}, func(rows *sql.Rows) error {
		var v Subscription
		var id, company, status string
		var profile []byte
		var modified sql.NullInt64
		if err := rows.Scan(&id, &company, &status, &profile, &modified); err != nil {
			return err
		}
		if err := json.Unmarshal(profile, &v.Subscription); err != nil {
			return fmt.Errorf("subscription %q: %w", id, err)
		}
		v.SubscriptionID, v.CompanyID, v.Status = id, company, status
		v.Metadata, v.ModifiedAt = metadataOf(profile), timeOf(modified)
		list = append(list, v)
		return nil
	})
	return list, err
}

func (s *Store) read(ctx context.Context, name string, args []any, scan func(*sql.Rows) error) error {
	return s.rows(ctx, name, knownQueries.Get(name), args, scan)
}

// Changed is told after profiles were merged or deleted: of users, companies, or, as
// companies, of their subscriptions.
type Changed func(app, kind string)

// OnChange sets who is told. It must be called before the store is used.
func (s *Store) OnChange(f Changed) { s.changed = f }

// tell says that profiles of this kind changed.
func (s *Store) tell(app, kind string) {
	if s.changed == nil {
		return
	}
	if kind == KindSubscription {
		kind = KindCompany
	}
	s.changed(app, kind)
}
