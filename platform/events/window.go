package events

import (
	"context"
	"database/sql"
	"time"
)

// wider is how many times as many events the next window is to hold, when one was
// not enough: rollups do not know how many of them contain a text.
const wider = 8

// windows calls read for one piece of time after the other, newest first, until
// nothing is missing of so many rows. The pieces together hold all rows of f, up to
// end, that are rolled up.
func (f Filter) windows(ctx context.Context, tx *sql.Tx, end time.Time, rows int, read func(w window) (missing int, err error)) error {
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
		if f.rare() && f.UserID == "" { // a user is found faster than what lies between is left out
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

// rare reports whether what f selects may lie far apart.
func (f Filter) rare() bool {
	return f.UserID != "" || f.CompanyID != "" || f.Route != "" || f.Status != ""
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
