package customers

import (
	"context"
	"database/sql"
	"fmt"
)

// forgotten are the statements that forget a kind of customer, by the name under which
// their rows are counted.
var forgotten = map[string]map[string]string{
	KindUser:    {"users": "forget_user"},
	KindCompany: {"companies": "forget_company", "users.company_id": "forget_company_of_users", "subscriptions": "forget_company_subscriptions"},
}

// Forget deletes the profile of a user or company; of a company also its
// subscriptions, and that users belong to it. It counts rows by table.
func (s *Store) Forget(ctx context.Context, app, kind, id string) (map[string]int64, error) {
	counts := map[string]int64{}
	err := s.change(ctx, nil, func(tx *sql.Tx) error {
		for name, statement := range forgotten[kind] {
			result, err := tx.ExecContext(ctx, queries.Get(statement), app, id)
			if err != nil {
				return err
			}
			if counts[name], err = result.RowsAffected(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("customers: forget: %w", err)
	}
	s.tell(app, kind)
	if kind == KindCompany {
		s.tell(app, KindUser)
	}
	return counts, nil
}
