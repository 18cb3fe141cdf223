package events

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

const (
	week = 7 * day
	// MaxWeeks is how many weekly cohorts a retention has at most.
	MaxWeeks = 52
	// mondayShift makes weeks begin on Monday: 1970-01-01 was a Thursday.
	mondayShift = 3
)

// Retention asks how many customers of each week come back in the weeks after.
// A customer belongs to the week of the first call of all.
type Retention struct {
	App     string
	To      time.Time     // the last week is the one this lies in, or ends with
	Weeks   int           // 1 to MaxWeeks
	By      string        // ByUser or ByCompany
	Filters []FieldFilter // of the calls that count at all, the first ones too
	Return  []FieldFilter // of the calls that are a coming back
}

// Cohort is the customers that were seen first in one week.
type Cohort struct {
	Week      time.Time // its Monday, UTC
	Customers int64
	Active    []int64 // with a call that is a coming back, from the first week to the last
}

// Retention answers with a cohort for each week, the oldest first.
func (s *Store) Retention(ctx context.Context, r Retention) ([]Cohort, error) {
	who, returning, err := r.parse()
	if err != nil {
		return nil, err
	}
	begin := r.begin()
	cohorts := make([]Cohort, r.Weeks)
	for i := range cohorts {
		cohorts[i] = Cohort{Week: begin.Add(time.Duration(i) * week), Active: make([]int64, r.Weeks-i)}
	}
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		all, err := seen(ctx, tx, Filter{App: r.App, To: r.To}, r.By, r.Filters)
		if err != nil {
			return err
		}
		active := question(all)
		if len(r.Return) > 0 {
			active = eventsOf(r.App, begin, r.To, returning.body, who+" AS key, epoch_us(e.time) // ? AS bucket", returning, []any{day.Microseconds()})
		}
		args := append(slices.Clone(all.args), mondayShift, weekOf(begin))
		args = append(append(args, mondayShift), active.args...)
		q := build("retention", map[string]string{"hits": all.sql, "active": active.sql}, condition{}, args, nil)
		return query(ctx, tx, q, func(rows *sql.Rows) error {
			var cohort, after, customers int64
			if err := rows.Scan(&cohort, &after, &customers); err != nil {
				return fmt.Errorf("read retention: %w", err)
			}
			i := cohort - weekOf(begin)
			switch {
			case i < 0 || i >= int64(len(cohorts)) || after >= int64(len(cohorts[i].Active)):
			case after < 0:
				cohorts[i].Customers = customers
			default:
				cohorts[i].Active[after] = customers
			}
			return nil
		})
	})
	return cohorts, err
}

// Check tells what is wrong with a question, wrapped in ErrQuestion.
func (r Retention) Check() error {
	_, _, err := r.parse()
	return err
}

// begin is that of the first week.
func (r Retention) begin() time.Time { return weekBegin(weekOf(r.To.Add(-1)) - int64(r.Weeks) + 1) }

func (r Retention) parse() (who string, returning condition, err error) {
	if who, err = whoColumn(r.By); err != nil {
		return "", condition{}, err
	}
	if r.Weeks < 1 || r.Weeks > MaxWeeks {
		return "", condition{}, fmt.Errorf("%w: weeks: must be 1 to %d (got %d)", ErrQuestion, MaxWeeks, r.Weeks)
	}
	if err = checkRange(r.App, r.begin(), r.To); err != nil {
		return "", condition{}, err
	}
	returning, err = conditionOf(append(slices.Clone(r.Filters), r.Return...))
	return who, returning, err
}

// weekOf numbers the weeks of UTC.
func weekOf(t time.Time) int64 { return (t.UnixMicro()/day.Microseconds() + mondayShift) / 7 }

func weekBegin(number int64) time.Time {
	return time.UnixMicro((number*7 - mondayShift) * day.Microseconds()).UTC()
}
