package events

import (
	"context"
	"database/sql"
	"time"
)

// wider is how many times as many events the next window is to hold, when one was
// not enough: rollups do not know how many of them contain a text.
const wider = 8

// userPieces are how long the pieces of time are, newest first, in which a user's calls
// are looked for; the last one is open. They are found by a number, faster than rollups say
// where they are.
var userPieces = []time.Duration{day, 30 * day}

// windows calls read for one piece of time after the other, newest first, until
// nothing is missing of so many rows. The pieces together hold all rows of f, up to
// end, that are rolled up.
func (f Filter) windows(ctx context.Context, tx *sql.Tx, end time.Time, rows int, read func(w window) (missing int, err error)) error {
	if f.UserID != "" {
		return f.userWindows(ctx, tx, end, read)
	}
	o, err := f.outline(ctx, tx, end)
	if err != nil {
		return err
	}
	missing, width := rows, int64(1)
	for {
		begin, some, enough := o.cut(end, int64(missing)*width)
		if !some {
			if o.whole {
				return nil
			}
			_, err := read(window{end: end})
			return err
		}
		w := window{begin: begin, end: end}
		if f.rare() {
			w.condition = o.between(begin, end)
		}
		if missing, err = read(w); err != nil || missing <= 0 {
			return err
		}
		end = begin
		if enough {
			width *= wider
		}
	}
}

// userWindows are the windows of a user's calls. The oldest is open.
func (f Filter) userWindows(ctx context.Context, tx *sql.Tx, end time.Time, read func(w window) (missing int, err error)) error {
	oldest, newest, err := f.lifetime(ctx, tx)
	if err != nil {
		return err
	}
	w := window{end: end}
	from := newest
	if !end.IsZero() && end.Before(from) {
		from = end
	}
	for _, piece := range userPieces {
		w.begin = from.Add(-piece)
		if w.begin.Before(oldest) || w.begin.Before(f.From) {
			break
		}
		if missing, err := read(w); err != nil || missing <= 0 {
			return err
		}
		w.end, from = w.begin, w.begin
	}
	w.begin = time.Time{}
	_, err = read(w)
	return err
}

// lifetime is when the first and the last call of the application was that the rollups know.
func (f Filter) lifetime(ctx context.Context, tx *sql.Tx) (oldest, newest time.Time, err error) {
	err = query(ctx, tx, question{sql: statement("lifetime"), args: []any{f.App}}, func(rows *sql.Rows) error {
		var first, last int64
		err := rows.Scan(&first, &last)
		oldest, newest = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		return err
	})
	return oldest, newest, err
}

// rare reports whether what f selects may lie far apart.
func (f Filter) rare() bool {
	return f.CompanyID != "" || f.Route != "" || f.Status != ""
}

// window is a piece of time, open where it is zero.
type window struct {
	begin, end time.Time
	condition  condition // what every row of it satisfies that is looked for
}

// in narrows a filter to the window.
func (w window) in(f Filter) Filter {
	if w.begin.After(f.From) {
		f.From = w.begin
	}
	if !w.end.IsZero() && (f.To.IsZero() || w.end.Before(f.To)) {
		f.To = w.end
	}
	return f
}
