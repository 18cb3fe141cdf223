package rules

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
)

// cohort is a rule's customers on their way into the database.
type cohort struct {
	text  string // JSON
	hash  string // of the text; "" when there are none
	bytes int    // that they take in the configuration's document, about
}

func cohortOf(customers []Customer) (cohort, error) {
	if len(customers) == 0 {
		return cohort{}, nil
	}
	text, err := json.Marshal(customers)
	if err != nil {
		return cohort{}, err
	}
	sum := sha256.Sum256(text)
	const reference = len(`[{"rules":"64ca685a833073c6b41b15f3"}]`)
	return cohort{text: string(text), hash: hex.EncodeToString(sum[:]), bytes: len(text) + reference*len(customers)}, nil
}

func (c cohort) add(ctx context.Context, tx *sql.Tx, number int64) error {
	if c.hash == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, queries.Get("add_customers"), number, c.text)
	return err
}
