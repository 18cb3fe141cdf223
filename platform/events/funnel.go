package events

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

const maxSteps = 8

// Where the way through a funnel can begin.
const (
	// StartAny: any call that fits the first step begins a way; a customer counts
	// for the furthest step one of these ways gets to.
	StartAny = "any"
	// StartFirst: only customers whose first call of all is within the range
	// count, from their first call that fits the first step.
	StartFirst = "first"
)

// Step of a funnel: a call that satisfies all filters; any call without.
type Step struct {
	Name    string
	Filters []FieldFilter
}

// Funnel asks how many customers take steps one after the other. A call may be
// several steps at once: the first call that succeeds is a success.
type Funnel struct {
	App      string
	From, To time.Time // all steps lie within
	By       string    // ByUser or ByCompany
	Start    string    // StartAny or StartFirst
	Steps    []Step    // 2 to 8
	Within   time.Duration
	Filters  []FieldFilter // of the calls that count at all
}

// StepCount is how many customers came to a step.
type StepCount struct {
	Customers int64
	Median    *time.Duration // from the first step, of those who came; nil for the first
}

// Funnel answers with a count for each step.
func (s *Store) Funnel(ctx context.Context, f Funnel) ([]StepCount, error) {
	q, err := f.question()
	if err != nil {
		return nil, err
	}
	var counts []StepCount
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		newcomers := hits{sql: "SELECT '' AS key, make_timestamp(0) AS first"}
		if f.Start == StartFirst {
			var err error
			if newcomers, err = seen(ctx, tx, Filter{App: f.App, To: f.To}, f.By, f.Filters); err != nil {
				return err
			}
		}
		counts, err = f.read(ctx, tx, q, newcomers)
		return err
	})
	return counts, err
}

// Check tells what is wrong with a question, wrapped in ErrQuestion.
func (f Funnel) Check() error {
	_, err := f.question()
	return err
}

func whoColumn(by string) (string, error) {
	if by != ByUser && by != ByCompany {
		return "", fmt.Errorf("%w: by: must be user or company (got %q)", ErrQuestion, by)
	}
	return "coalesce(e." + by + "_id, '')", nil
}

func (f Funnel) bounds() error {
	if err := checkRange(f.App, f.From, f.To); err != nil {
		return err
	}
	switch {
	case len(f.Steps) < 2 || len(f.Steps) > maxSteps:
		return fmt.Errorf("%w: steps: 2 to %d (got %d)", ErrQuestion, maxSteps, len(f.Steps))
	case f.Within <= 0 || f.Within > MaxAnalysisRange:
		return fmt.Errorf("%w: within: must be longer than nothing and at most %d days", ErrQuestion, MaxAnalysisRange/day)
	case f.Start != StartAny && f.Start != StartFirst:
		return fmt.Errorf("%w: start: must be any or first (got %q)", ErrQuestion, f.Start)
	}
	return nil
}

// question selects the calls: who, when, and which steps they are.
func (f Funnel) question() (question, error) {
	who, err := whoColumn(f.By)
	if err != nil {
		return question{}, err
	}
	if err := f.bounds(); err != nil {
		return question{}, err
	}
	where, err := conditionOf(f.Filters)
	if err != nil {
		return question{}, err
	}
	where.and(who + " <> ''")
	columns := []string{who + " AS who", "epoch_us(e.time) AS us"}
	var args []any
	body := where.body
	for i, step := range f.Steps {
		c, err := conditionOf(step.Filters)
		if err != nil {
			return question{}, fmt.Errorf("step %d: %w", i+1, err)
		}
		columns = append(columns, "coalesce(("+c.sql+"), false) AS "+ordinal("s", i))
		args, body = append(args, c.args...), body || c.body
	}
	return eventsOf(f.App, f.From, f.To, body, strings.Join(columns, ",\n    "), where, args), nil
}

func (f Funnel) read(ctx context.Context, tx *sql.Tx, of question, newcomers hits) ([]StepCount, error) {
	args := append(slices.Clone(of.args), newcomers.args...)
	args = append(args, micros(f.From), f.Start == StartFirst)
	ways, last := "", "w1"
	reached, medians := []string{"count(*)"}, []string{"NULL"}
	durations := []string{}
	for i := 1; i < len(f.Steps); i++ {
		next := ordinal("w", i)
		ways += strings.NewReplacer("{next}", next, "{last}", last, "{step}", ordinal("s", i), "{before}", ordinal("t", i-1), "{this}", ordinal("t", i)).Replace(statement("funnel_step"))
		args = append(args, f.Within.Microseconds())
		last = next
		took := ordinal("d", i)
		durations = append(durations, "min("+ordinal("t", i)+" - t1) AS "+took)
		reached, medians = append(reached, "count("+took+")"), append(medians, "median("+took+")")
	}
	marks := map[string]string{
		"calls": of.sql, "newcomers": newcomers.sql, "ways": ways, "last": last,
		"durations": strings.Join(durations, ", "), "reached": strings.Join(reached, ", "), "medians": strings.Join(medians, ", "),
	}
	counts := make([]StepCount, len(f.Steps))
	err := query(ctx, tx, build("funnel", marks, condition{}, args, nil), func(rows *sql.Rows) error {
		times := make([]sql.NullFloat64, len(counts))
		var into []any
		for i := range counts {
			into = append(into, &counts[i].Customers)
		}
		for i := range times {
			into = append(into, &times[i])
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read funnel: %w", err)
		}
		for i, t := range times {
			if t.Valid {
				d := time.Duration(t.Float64 * float64(time.Microsecond))
				counts[i].Median = &d
			}
		}
		return nil
	})
	return counts, err
}

// seen is who was seen on which day with calls that the filters select, from
// rollups where these can tell: key, first and bucket, the number of the day
// since 1970.
func seen(ctx context.Context, tx *sql.Tx, f Filter, by string, filters []FieldFilter) (hits, error) {
	if len(filters) > 0 {
		c, err := conditionOf(filters)
		if err != nil {
			return hits{}, err
		}
		who, err := whoColumn(by)
		q := eventsOf(f.App, time.Unix(0, 0), f.To, c.body, who+" AS key, e.time AS first, epoch_us(e.time) // ? AS bucket", c, []any{day.Microseconds()})
		return hits(q), err
	}
	h, ok, err := f.hits(ctx, tx, by, day, false)
	if err != nil || ok {
		return h, err
	}
	h = hits{}
	return h, h.add("hits_rows", by, "epoch_us(time) // ?", day, f, condition{}, rollup{})
}
