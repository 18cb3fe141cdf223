package events

import (
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxFieldName = 256  // bytes
	maxValue     = 4096 // bytes of a value to compare with
	maxValues    = 100  // of one filter
	maxFilters   = 30
)

// field is something that can be filtered, grouped and measured by: a column, or
// a place in a JSON document. Its sql has one mark for each of args.
type field struct {
	sql   string
	args  []any
	kind  Kind // of the expression
	place bool // in a document: whatever a sender has put there
	body  bool // the document is in the table of bodies
	name  string
}

// fieldColumns are the columns that have a name in questions.
var fieldColumns = map[string]field{
	"user_id":         {sql: "e.user_id"},
	"company_id":      {sql: "e.company_id"},
	"subscription_id": {sql: "e.subscription_id"},
	"session":         {sql: "e.session"},
	"transaction_id":  {sql: "e.transaction_id"},
	"verb":            {sql: "e.verb"},
	"host":            {sql: "e.host"},
	"path":            {sql: "e.path"},
	"query":           {sql: "e.query"},
	"route":           {sql: "e.route"},
	"ip":              {sql: "e.ip"},
	"user_agent":      {sql: "e.user_agent"},
	"api_version":     {sql: "e.api_version"},
	"direction":       {sql: "e.direction"},
	"blocked_by":      {sql: "e.blocked_by"},
	"refused":         {sql: "e.refused"},
	"identity":        {sql: "e.identity"},
	"status_class":    {sql: "CASE WHEN e.status = 0 THEN 'none' ELSE (e.status // 100)::VARCHAR || 'xx' END"},
	"failed":          {sql: "CASE WHEN e.status >= 400 OR e.status = 0 THEN 'true' ELSE 'false' END"},
	"status":          {sql: "e.status", kind: Number},
	"duration_ms":     {sql: "e.duration_us / 1000.0", kind: Number},
	"request_bytes":   {sql: "e.request_bytes", kind: Number},
	"response_bytes":  {sql: "e.response_bytes", kind: Number},
	"weight":          {sql: "e.weight", kind: Number},
}

// fieldDocuments are the JSON documents into which a field's name can lead.
var fieldDocuments = []struct {
	prefix, column string
	header, body   bool
}{
	{prefix: "request.headers.", column: "e.request_headers", header: true},
	{prefix: "response.headers.", column: "e.response_headers", header: true},
	{prefix: "request.body.", column: "b.request_body", body: true},
	{prefix: "response.body.", column: "b.response_body", body: true},
	{prefix: "metadata.", column: "e.metadata"},
}

// FieldNames returns the names of the columns, in order. Beside them a field can
// be a place in a document: request.headers.NAME in any case,
// response.headers.NAME, request.body.PATH, response.body.PATH, metadata.PATH.
func FieldNames() []string {
	names := make([]string, 0, len(fieldColumns))
	for name := range fieldColumns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FieldPrefixes returns what the names of fields in documents begin with.
func FieldPrefixes() []string {
	prefixes := make([]string, len(fieldDocuments))
	for i, d := range fieldDocuments {
		prefixes[i] = d.prefix
	}
	return prefixes
}

// parseField finds what a name of the console's stands for.
func parseField(name string) (field, error) {
	if len(name) > maxFieldName || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return field{}, fmt.Errorf("%w: field: must be at most %d bytes of UTF-8", ErrQuestion, maxFieldName)
	}
	f, ok := fieldNamed(name)
	if !ok {
		return field{}, fmt.Errorf("%w: field: %q is none: use one of %s, or request.headers.NAME, response.headers.NAME, request.body.PATH, response.body.PATH, metadata.PATH",
			ErrQuestion, name, strings.Join(FieldNames(), ", "))
	}
	return f, nil
}

// fieldNamed finds a field. Nothing of the name gets into the SQL: a path is bound.
// What DuckDB cannot read as JSON has no fields; TRY reads it once, and not, as
// json_valid would, everything twice.
func fieldNamed(name string) (field, bool) {
	if f, ok := fieldColumns[name]; ok {
		f.name = name
		return f, true
	}
	for _, d := range fieldDocuments {
		path, ok := strings.CutPrefix(name, d.prefix)
		if !ok || path == "" {
			continue
		}
		f := field{name: name, place: true, body: d.body}
		if d.header {
			f.sql, f.args = headerOf(d.column, path)
		} else {
			f.sql, f.args = "TRY(json_extract_string("+d.column+", ?))", []any{pointer(path)}
		}
		return f, true
	}
	return field{}, false
}

// headerOf reads the first value of a header, whose name may stand in any case.
func headerOf(column, header string) (sql string, args []any) {
	lower := strings.ToLower(header)
	contained := "true"
	if isPlain(header) { // looking for a text is much cheaper than reading JSON
		contained, args = "contains(lower({column}), ?)", []any{`"` + lower + `":`}
	}
	// Nearly every sender writes it in one of three ways; the names themselves are
	// searched where none of these is there.
	var usual []string
	for _, name := range []string{textproto.CanonicalMIMEHeaderKey(header), lower, header} {
		if key := "/" + escapePointer(name); !slices.Contains(usual, key) {
			usual = append(usual, key)
			args = append(args, key+"/0", key)
		}
	}
	const name = "('/' || replace(replace(list_filter(json_keys({column}), lambda k: lower(k) = ?)[1], '~', '~0'), '/', '~1'))"
	sql = "CASE WHEN " + contained + " THEN TRY(coalesce(list_any_value(json_extract_string({column}, [" + marksFor(2*len(usual)) +
		"])), json_extract_string({column}, " + name + " || '/0'), json_extract_string({column}, " + name + "))) END"
	return strings.ReplaceAll(sql, "{column}", column), append(args, lower, lower)
}

func marksFor(n int) string { return strings.Repeat("?, ", n-1) + "?" }

// isPlain reports whether a name stands in JSON as it is, in either case.
func isPlain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == '/' {
			return false
		}
	}
	return true
}

// pointer is a dotted path as a JSON pointer (RFC 6901).
func pointer(path string) string {
	parts := strings.Split(path, ".")
	for i := range parts {
		parts[i] = escapePointer(parts[i])
	}
	return "/" + strings.Join(parts, "/")
}

func escapePointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

// text is the field as text, never null.
func (f field) text() string {
	if f.kind == Number {
		return "coalesce((" + f.sql + ")::VARCHAR, '')"
	}
	return "coalesce(" + f.sql + ", '')"
}

// value is the field as a number, null where it is none, or one so large that
// sums of it could be infinite.
func (f field) value() string {
	number := "TRY_CAST(" + f.sql + " AS DOUBLE)"
	if f.kind == Number {
		return number
	}
	return "list_filter([" + number + "], lambda v: abs(v) < 1e200)[1]"
}

// FieldFilter compares a field with values.
type FieldFilter struct {
	Field  string   `json:"field"`
	Op     string   `json:"op"`
	Values []string `json:"values,omitempty"`
}

// CheckFilters tells what is wrong with filters, wrapped in ErrQuestion.
func CheckFilters(filters []FieldFilter) error {
	_, err := conditionOf(filters)
	return err
}

// textOps compare a text with one of several values; {x} is the field.
var textOps = map[string]string{
	"is":           "{x} = ?",
	"is_not":       "{x} = ?",
	"contains":     "contains(lower({x}), lower(?))",
	"not_contains": "contains(lower({x}), lower(?))",
	"starts_with":  "starts_with({x}, ?)",
	"ends_with":    "ends_with({x}, ?)",
}

// numberOps compare with one number.
var numberOps = map[string]string{"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

// FilterOps are the operators of filters. is, is_not, contains, not_contains,
// starts_with and ends_with take one or more values, of which one must fit (none,
// with a not); gt, gte, lt and lte take a number; exists and missing take none.
var FilterOps = []string{"is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "gt", "gte", "lt", "lte", "exists", "missing"}

// add puts the filter into c.
func (f FieldFilter) add(c *condition) error {
	x, err := parseField(f.Field)
	if err != nil {
		return err
	}
	wrong := func(expected string) error {
		return fmt.Errorf("%w: filter on %s: %s: %s", ErrQuestion, x.name, f.Op, expected)
	}
	for _, v := range f.Values {
		if len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return wrong(fmt.Sprintf("a value must be at most %d bytes of UTF-8", maxValue))
		}
	}
	_, isText := textOps[f.Op]
	switch {
	case f.Op == "exists" || f.Op == "missing":
		if len(f.Values) > 0 {
			return wrong("takes no value")
		}
		c.about(x, "("+x.text()+" <> '') = ?", f.Op == "exists")
	case numberOps[f.Op] != "":
		n, err := oneNumber(f.Values)
		if err != nil {
			return wrong("takes one number")
		}
		c.about(x, x.value()+" "+numberOps[f.Op]+" ?::DOUBLE", n)
	case isText:
		if len(f.Values) == 0 || len(f.Values) > maxValues {
			return wrong(fmt.Sprintf("takes 1 to %d values", maxValues))
		}
		return f.addText(c, x)
	default:
		return fmt.Errorf("%w: filter on %s: operator: must be one of %s (got %q)", ErrQuestion, x.name, strings.Join(FilterOps, ", "), f.Op)
	}
	return nil
}

func (f FieldFilter) addText(c *condition, x field) error {
	parts := make([]string, len(f.Values))
	var args []any
	expression, numeric := x.text(), x.kind == Number && (f.Op == "is" || f.Op == "is_not")
	if numeric {
		expression = "coalesce(" + x.value() + ", 'nan')"
	}
	for i, v := range f.Values {
		parts[i] = strings.ReplaceAll(textOps[f.Op], "{x}", expression)
		args = append(args, x.args...)
		switch {
		case numeric:
			n, err := oneNumber([]string{v})
			if err != nil {
				return fmt.Errorf("%w: filter on %s: %s: takes numbers (got %q)", ErrQuestion, x.name, f.Op, v)
			}
			parts[i] += "::DOUBLE"
			args = append(args, n)
		case x.name == "verb":
			args = append(args, strings.ToUpper(v))
		default:
			args = append(args, v)
		}
	}
	sql := "(" + strings.Join(parts, " OR ") + ")"
	if f.Op == "is_not" || f.Op == "not_contains" {
		sql = "NOT " + sql
	}
	c.and(sql, args...)
	c.body = c.body || x.body
	return nil
}

func oneNumber(values []string) (float64, error) {
	if len(values) != 1 {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseFloat(values[0], 64)
	if err != nil || n-n != 0 { // infinite, or no number
		return 0, strconv.ErrSyntax
	}
	return n, nil
}
