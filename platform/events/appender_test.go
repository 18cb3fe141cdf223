package events

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"
)

const everyKind = `CREATE TABLE kinds (t VARCHAR, must VARCHAR NOT NULL, moment TIMESTAMP, yes BOOLEAN, small SMALLINT, middle INTEGER, large BIGINT)`

func withKinds(t *testing.T) (s *Store, fill func(func(*appender) error) error) {
	t.Helper()
	s = open(t)
	if _, err := s.writer.ExecContext(t.Context(), everyKind); err != nil {
		t.Fatal(err)
	}
	return s, func(f func(*appender) error) error {
		return s.transact(t.Context(), func(*sql.Tx) error {
			return s.raw(func(c driver.Conn) error { return appendRows(c, "kinds", f) })
		})
	}
}

func TestAnAppenderWritesWhatItIsGiven(t *testing.T) {
	s, fill := withKinds(t)
	rng := rand.New(rand.NewPCG(1, 1))
	lengths := []int{0, 1, 4, 11, 12, 13, 100, blockSize - 1, blockSize, blockSize + 1}
	texts := make([]string, 5000)
	for i := range texts {
		n := lengths[rng.IntN(7)]
		switch i {
		case 100, 2047, 2048, 3000:
			n = lengths[7+i%3]
		case 4000:
			n = maxArena + 1
		}
		var b strings.Builder
		for b.Len() < n {
			fmt.Fprintf(&b, "%d grün ", i)
		}
		texts[i] = strings.ToValidUTF8(b.String()[:n], "?")
	}
	err := fill(func(a *appender) error {
		for i, text := range texts {
			a.optional(text)
			a.text(text)
			a.time(noon.UnixMicro() + int64(i))
			a.bool(i%3 == 0)
			a.int16(int16(i))
			a.int32(int32(-i))
			a.known(int64(i%5 - 1))
			if err := a.end(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = s.ask(t.Context(), question{sql: "SELECT t, must, epoch_us(moment), yes, small, middle, large FROM kinds ORDER BY small"}, func(rows *sql.Rows) error {
		var optional sql.NullString
		var must string
		var at int64
		var yes bool
		var small, middle int
		var large sql.NullInt64
		err := rows.Scan(&optional, &must, &at, &yes, &small, &middle, &large)
		if optional.String != texts[n] || optional.Valid != (texts[n] != "") || must != texts[n] {
			t.Errorf("row %d: texts of %d and %d bytes, want %d", n, len(optional.String), len(must), len(texts[n]))
		}
		if at != noon.UnixMicro()+int64(n) || yes != (n%3 == 0) || small != n || middle != -n ||
			large.Valid != (n%5 > 0) || large.Valid && large.Int64 != int64(n%5-1) {
			t.Errorf("row %d: %d, %t, %d, %d, %v", n, at, yes, small, middle, large)
		}
		n++
		return err
	})
	if err != nil || n != len(texts) {
		t.Errorf("%d rows, %v", n, err)
	}
	// Texts that are alike are found to be.
	for _, i := range []int{3, 77, 4000} {
		var found int
		if err := s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM kinds WHERE must = ?", texts[i]).Scan(&found); err != nil || found == 0 {
			t.Errorf("a text of %d bytes is found %d times, %v", len(texts[i]), found, err)
		}
	}
}

func TestAnAppenderThatFailsLeavesNothing(t *testing.T) {
	s, fill := withKinds(t)
	row := func(a *appender, must bool) error {
		a.optional("")
		if must {
			a.text("here")
		} else {
			a.null()
		}
		a.time(0)
		a.bool(true)
		a.int16(1)
		a.int32(1)
		a.int64(1)
		return a.end()
	}
	var wrong *duckdb.Error
	err := fill(func(a *appender) error { return errors.Join(row(a, true), row(a, false)) })
	if !errors.As(err, &wrong) || wrong.Type != duckdb.ErrorTypeConstraint {
		t.Errorf("null where it cannot be: %v", err)
	}
	broken := errors.New("no more")
	err = fill(func(a *appender) error {
		for range 3000 {
			if err := row(a, true); err != nil {
				return err
			}
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	err = fill(func(a *appender) error {
		a.text("alone")
		return a.end()
	})
	if err == nil || !strings.Contains(err.Error(), "1 values for 7 columns") {
		t.Error(err)
	}
	err = s.raw(func(c driver.Conn) error {
		return appendRows(c, "nowhere", func(*appender) error { return nil })
	})
	if !errors.As(err, &wrong) {
		t.Errorf("a table that is not there: %v", err)
	}
	if n, err := s.count(context.Background(), "kinds", condition{sql: "TRUE"}); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
	if err := fill(func(a *appender) error { return row(a, true) }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAnAppenderRefusesAnotherKind(t *testing.T) {
	s, _ := withKinds(t)
	err := s.raw(func(c driver.Conn) error {
		a, err := newAppender(c, "kinds")
		if err != nil {
			return err
		}
		defer func() {
			if recover() == nil {
				t.Error("a number was written over a text")
			}
			if err := a.close(errBroken); !errors.Is(err, errBroken) {
				t.Error(err)
			}
		}()
		a.int64(1)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
