package events

import (
	"fmt"
	"strings"
)

// Where is what an event must satisfy. What an event does not have satisfies
// nothing, and therefore the Not of it.
type Where interface {
	condition() (condition, error)
}

type (
	// All holds when every one of them does, so always when there is none.
	All []Where
	// Any holds when one of them does, so never when there is none.
	Any []Where
	// Not holds when What does not.
	Not struct{ What Where }
	// OneOf holds for events whose field has one of the values.
	OneOf struct {
		Field  Field
		Values []any
	}
	// Within holds for events whose field lies between the values; nil is open. A
	// free field is compared with numbers as a number, with texts as a text.
	Within struct {
		Field                   Field
		Over, From, Upto, Under any // >, >=, <=, <
	}
	// Has holds for events that have the field.
	Has struct{ Field Field }
	// Containing holds for events whose field contains the text, in any case.
	Containing struct {
		Field Field
		Text  string
	}
	// Beginning holds for events whose field begins with the text.
	Beginning struct {
		Field Field
		Text  string
	}
)

func (l All) condition() (condition, error) { return joined(l, " AND ", "true") }
func (l Any) condition() (condition, error) { return joined(l, " OR ", "false") }

func joined(list []Where, with, empty string) (condition, error) {
	if len(list) == 0 {
		return condition{sql: empty}, nil
	}
	var out condition
	parts := make([]string, len(list))
	for i, w := range list {
		c, err := w.condition()
		if err != nil {
			return c, err
		}
		parts[i] = c.sql
		out.args, out.body = append(out.args, c.args...), out.body || c.body
	}
	out.sql = "(" + strings.Join(parts, with) + ")"
	return out, nil
}

func (n Not) condition() (condition, error) {
	c, err := n.What.condition()
	c.sql = "(NOT " + c.sql + ")"
	return c, err
}

func (o OneOf) condition() (c condition, err error) {
	if len(o.Values) == 0 {
		return condition{sql: "false"}, nil
	}
	if o.Field.Kind == Time {
		return c, fmt.Errorf("%w: field %q: is a time: ask for a range", ErrQuestion, o.Field.Name)
	}
	values := make([]any, len(o.Values))
	for i, v := range o.Values {
		if values[i], err = o.Field.value(v); err != nil {
			return c, err
		}
	}
	c.about(o.Field.field, "coalesce(("+o.Field.field.sql+") IN ("+marksFor(len(values))+"), false)", values...)
	return c, nil
}

func (r Within) condition() (c condition, err error) {
	c.sql = "(true"
	for _, end := range []struct {
		operator string
		value    any
	}{{">", r.Over}, {">=", r.From}, {"<=", r.Upto}, {"<", r.Under}} {
		if end.value == nil {
			continue
		}
		x := r.Field.against(end.value)
		v, err := x.value(end.value)
		if err != nil {
			return c, err
		}
		c.about(x.field, "coalesce(("+x.field.sql+") "+end.operator+" "+x.mark()+", false)", v)
	}
	c.sql += ")"
	return c, nil
}

func (h Has) condition() (c condition, err error) {
	c.about(h.Field.field, "(("+h.Field.field.sql+") IS NOT NULL)")
	return c, nil
}

func (w Containing) condition() (c condition, err error) {
	if w.Field.Kind == Time {
		return c, fmt.Errorf("%w: field %q: is a time: ask for a range", ErrQuestion, w.Field.Name)
	}
	c.about(w.Field.field, "contains(lower(coalesce(("+w.Field.field.sql+")::VARCHAR, '')), lower(?))", text(w.Text))
	return c, nil
}

func (w Beginning) condition() (c condition, err error) {
	if w.Field.Kind != Text {
		return c, fmt.Errorf("%w: field %q: is no text", ErrQuestion, w.Field.Name)
	}
	c.about(w.Field.field, "starts_with(coalesce(("+w.Field.field.sql+"), ''), ?)", text(w.Text))
	return c, nil
}
