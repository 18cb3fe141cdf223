package cohorts

import (
	"context"
	"database/sql"
	"fmt"
)

// Forget takes a user or company (kind) out of every cohort, and out of what is
// known of who entered and left, and counts the rows. Rules that follow a cohort
// do so at once.
func (s *Store) Forget(ctx context.Context, app, kind, id string) (map[string]int64, error) {
	s.evaluating.Lock() // nobody finds members meanwhile
	defer s.evaluating.Unlock()
	counts := map[string]int64{"cohort_members": 0, "cohort_changes": 0}
	var left []string // cohorts
	err := s.State.Write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, queries.Get("erase_cohorts"), app, kind, id)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // Err has told
		for rows.Next() {
			var cohort string
			if err := rows.Scan(&cohort); err != nil {
				return err
			}
			left = append(left, cohort)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, step := range []struct{ query, table string }{
			{"erase_changes", "cohort_changes"}, {"erase_revisions", ""}, {"erase_members", "cohort_members"},
		} {
			result, err := tx.ExecContext(ctx, queries.Get(step.query), app, kind, id)
			if err != nil {
				return fmt.Errorf("%s: %w", step.query, err)
			}
			if n, err := result.RowsAffected(); step.table != "" && err == nil {
				counts[step.table] = n
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cohorts: forget: %w", err)
	}
	for _, cohort := range left {
		s.tell(app, cohort)
	}
	return counts, nil
}
