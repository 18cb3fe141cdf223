package events

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// question is a statement with its bound values.
type question struct {
	sql  string
	args []any
}

// keyColumns are the expressions one can group by. They are never null.
var keyColumns = map[string]string{
	ByTotal:   "''",
	ByUser:    "coalesce(user_id, '')",
	ByCompany: "coalesce(company_id, '')",
	ByRoute:   "coalesce(route, '')",
	ByStatus:  "status::VARCHAR",
	ByVerb:    "verb",
}

func keyColumn(by string) (string, error) {
	column, ok := keyColumns[by]
	if !ok {
		return "", fmt.Errorf("%w: by: must be user, company, route, status or verb (got %q)", ErrQuestion, by)
	}
	return column, nil
}

// build fills the marks of a statement: only text of this package goes into
// them. Values are bound: before those of the condition, then after.
func build(name string, marks map[string]string, c condition, before, after []any) question {
	q := question{sql: statement(name)}
	for mark, text := range marks {
		q.sql = strings.ReplaceAll(q.sql, "{"+mark+"}", text)
	}
	q.sql = strings.ReplaceAll(q.sql, "{where}", c.sql)
	q.args = append(append(append(q.args, before...), c.args...), after...)
	return q
}

// condition is what a row must satisfy.
type condition struct {
	sql  string
	args []any
	body bool // it looks into the table of bodies
}

func (c *condition) and(sql string, args ...any) {
	if sql == "" {
		return
	}
	if c.sql != "" {
		c.sql += " AND "
	}
	c.sql += sql
	c.args = append(c.args, args...)
}

// about adds what a field must satisfy; sql names the field once, before args.
func (c *condition) about(f field, sql string, args ...any) {
	c.and(sql, slices.Concat(f.args, args)...)
	c.body = c.body || f.body
}

func (c *condition) equal(column, value string) {
	if value != "" {
		c.and(column+" = ?", value)
	}
}

func (f Filter) condition() (condition, error) {
	var c condition
	if f.App == "" {
		return c, fmt.Errorf("%w: app: must not be empty", ErrQuestion)
	}
	c.equal("app", f.App)
	if !f.From.IsZero() {
		c.and("time >= make_timestamp(?::BIGINT)", micros(f.From))
	}
	if !f.To.IsZero() {
		c.and("time < make_timestamp(?::BIGINT)", micros(f.To))
	}
	c.equal("user_id", f.UserID)
	c.equal("company_id", f.CompanyID)
	c.equal("route", f.Route)
	c.equal("verb", strings.ToUpper(f.Verb))
	c.equal("path", f.Path)
	if err := c.status(f.Status); err != nil {
		return c, err
	}
	if f.Errors {
		c.and("(status >= 400 OR status = 0)")
	}
	if f.Text != "" {
		c.text(f.Text)
	}
	return c, nil
}

func (c *condition) status(s string) error {
	switch {
	case s == "":
		return nil
	case len(s) == 3 && (s[1:] == "xx" || s[1:] == "XX") && s[0] >= '1' && s[0] <= '9':
		class := int(s[0]-'0') * 100
		c.and("status BETWEEN ? AND ?", class, class+99)
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 999 {
		return fmt.Errorf("%w: status: must be a number like 404 or a class like 4xx (got %q)", ErrQuestion, s)
	}
	c.and("status = ?", n)
	return nil
}

// searched are the columns that Filter.Text looks into.
var searched = []string{"path", "query", "route", "user_id", "company_id", "transaction_id"}

func (c *condition) text(s string) {
	parts := make([]string, len(searched))
	args := make([]any, len(searched))
	for i, column := range searched {
		parts[i] = "contains(lower(coalesce(" + column + ", '')), lower(?))"
		args[i] = s
	}
	c.and("("+strings.Join(parts, " OR ")+")", args...)
}

// micros binds a time. Rounding up keeps "from" inclusive and "to" exclusive
// for times between two microseconds.
func micros(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}
