package rules

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// MaxCustomers bounds a rule's cohort, and each table of sample rates.
const MaxCustomers = 100_000

// Bounds of what is edited. Lengths of text are in characters.
const (
	maxRules      = 10_000 // of an application
	maxBody       = 64 << 10
	maxGroups     = 100 // of conditions
	maxConditions = 100 // of a group
	maxVariables  = 100
	maxHeaders    = 100
	maxBlockedIPs = 10_000
	maxName       = 200
	maxID         = 1024 // of a user or company
	maxText       = 4096 // of a path, a regular expression, a header, a value

	// maxRulesBytes and maxConfigBytes keep both documents below the 64 MiB
	// that gateways take, in bytes of JSON.
	maxRulesBytes  = 48 << 20
	maxConfigBytes = 8 << 20

	// maxProblems bounds what is told at once.
	maxProblems = 100
)

// Problem is what is wrong with one field: `regex_config[0].conditions[1].value`.
// An empty Field is the whole.
type Problem struct{ Field, Message string }

// InvalidError says why a rule or a configuration is refused.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	text := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		text[i] = strings.TrimPrefix(p.Field+": "+p.Message, ": ")
	}
	return strings.Join(text, "; ")
}

// problems collects what is wrong.
type problems []Problem

func (ps *problems) add(field, format string, args ...any) {
	if len(*ps) < maxProblems {
		*ps = append(*ps, Problem{field, fmt.Sprintf(format, args...)})
	}
}

// text demands of s at least one character, and at most most.
func (ps *problems) text(field, s string, most int) {
	switch {
	case s == "":
		ps.add(field, "must not be empty")
	case utf8.RuneCountInString(s) > most:
		ps.add(field, "must have at most %d characters (has %d)", most, utf8.RuneCountInString(s))
	}
}

// long demands of s that it is not too long.
func (ps *problems) long(field, s string) {
	if n := utf8.RuneCountInString(s); n > maxText {
		ps.add(field, "must have at most %d characters (has %d)", maxText, n)
	}
}

func (ps *problems) count(field string, n, most int) {
	if n > most {
		ps.add(field, "must have at most %d (has %d)", most, n)
	}
}

func (ps *problems) rate(field string, n int) {
	if n < 0 || n > 100 {
		ps.add(field, "must be a percentage from 0 to 100 (is %d)", n)
	}
}

// id demands what can be the id of a user or company.
func (ps *problems) id(field, id string) {
	if goodID(id) {
		return
	}
	ps.text(field, id, maxID)
	if strings.ContainsFunc(id, unicode.IsControl) {
		ps.add(field, "must not have control characters")
	}
}

func goodID(id string) bool {
	return id != "" && utf8.RuneCountInString(id) <= maxID && !strings.ContainsFunc(id, unicode.IsControl)
}

func (ps problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return &InvalidError{ps}
}

// checked returns u with its defaults, or says everything that is wrong with it.
func checked(u Rule) (Rule, error) {
	var ps problems
	ps.customers(u) // before they are put in order
	u = u.normal()
	w := &u.Wire
	ps.text("name", w.Name, maxName)
	ps.state(u.State)
	ps.count("variables", len(w.Variables), maxVariables)
	for i, v := range w.Variables {
		ps.text(fmt.Sprintf("variables[%d].name", i), v.Name, maxName)
		ps.text(fmt.Sprintf("variables[%d].path", i), v.Path, maxText)
	}
	ps.groups(w.RegexConfig)
	if status := w.Response.Status; status != 0 && (status < 200 || status > 999) {
		ps.add("response.status", "must be between 200 and 999 (is %d)", status)
	}
	ps.count("response.headers", len(w.Response.Headers), maxHeaders)
	for _, name := range slices.Sorted(maps.Keys(w.Response.Headers)) {
		ps.long("response.headers."+name, w.Response.Headers[name])
	}
	if n := len(w.Response.Body); n > maxBody {
		ps.add("response.body", "must have at most %d bytes (has %d)", maxBody, n)
	}
	if len(ps) == 0 { // its bounds hold, so that the rest is cheap to look at
		for _, err := range rule.Check(w) {
			ps.told(err.Error())
		}
	}
	return u, ps.err()
}

func (ps *problems) state(s State) {
	if s != Off && s != Shadow && s != On {
		ps.add("state", "must be off, shadow or on (got %q)", s)
	}
}

// told adds a problem as the engine that decides tells it.
func (ps *problems) told(text string) {
	field, message, _ := strings.Cut(text, ": ")
	ps.add(field, "%s", message)
}

func (ps *problems) customers(u Rule) {
	if u.Wire.Type == typeRegex && len(u.Customers) > 0 {
		ps.add("customers", "must be empty: a rule of type regex applies to whoever calls")
		return
	}
	if len(u.Customers) > MaxCustomers {
		ps.count("customers", len(u.Customers), MaxCustomers)
		return
	}
	variables := make(map[string]bool, len(u.Wire.Variables))
	for _, v := range u.Wire.Variables {
		variables[v.Name] = true
	}
	at := make(map[string]int, len(u.Customers))
	for i, c := range u.Customers {
		first, twice := at[c.ID]
		at[c.ID] = i
		if !twice && goodID(c.ID) && goodValues(c.Values, variables) {
			continue // there are many: names of fields are made only when they are needed
		}
		field := fmt.Sprintf("customers[%d]", i)
		ps.id(field+".id", c.ID)
		if twice {
			ps.add(field+".id", "is there twice: it is that of customers[%d] too", first)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Values)) {
			if !variables[name] {
				ps.add(field+".values."+name, "the rule has no variable of this name")
			}
			ps.long(field+".values."+name, c.Values[name])
		}
	}
}

func goodValues(values map[string]string, variables map[string]bool) bool {
	for name, value := range values {
		if !variables[name] || utf8.RuneCountInString(value) > maxText {
			return false
		}
	}
	return true
}

func (ps *problems) groups(groups []wire.RegexGroup) {
	ps.count("regex_config", len(groups), maxGroups)
	for i, g := range groups {
		field := fmt.Sprintf("regex_config[%d].conditions", i)
		ps.count(field, len(g.Conditions), maxConditions)
		for j, c := range g.Conditions {
			ps.text(fmt.Sprintf("%s[%d].path", field, j), c.Path, maxText)
			ps.long(fmt.Sprintf("%s[%d].value", field, j), c.Value)
		}
	}
}

// checkedConfig is checked for configurations.
func checkedConfig(c Config) (Config, error) {
	c = c.normal()
	var ps problems
	ps.rate("sample_rate", c.SampleRate)
	ps.rates("user_sample_rate", c.UserSampleRate)
	ps.rates("company_sample_rate", c.CompanySampleRate)
	ps.groups(c.RegexConfig)
	for i, g := range c.RegexConfig {
		if field := fmt.Sprintf("regex_config[%d].sample_rate", i); g.SampleRate == nil {
			ps.add(field, "is missing: say how much of what matches is reported, 0 to 100")
		} else {
			ps.rate(field, *g.SampleRate)
		}
	}
	c.IPAddressesBlockedByName = ps.addresses("ip_addresses_blocked_by_name", c.IPAddressesBlockedByName)
	if len(ps) == 0 {
		for _, p := range rule.Compile(wire.AppConfig{RegexConfig: c.RegexConfig}, nil, rule.Options{}).Problems() {
			ps.told(p.Reason)
		}
	}
	if len(ps) == 0 {
		if text, err := json.Marshal(c); err != nil || len(text) > maxConfigBytes {
			ps.add("", "must have at most %d MiB as JSON: gateways do not take more (%d bytes)", maxConfigBytes>>20, len(text))
		}
	}
	return c, ps.err()
}

func (ps *problems) rates(field string, rates map[string]int) {
	ps.count(field, len(rates), MaxCustomers)
	for _, id := range slices.Sorted(maps.Keys(rates)) {
		ps.id(field+"."+id, id)
		ps.rate(field+"."+id, rates[id])
	}
}

// addresses returns the addresses as gateways write them.
func (ps *problems) addresses(field string, byName map[string]string) map[string]string {
	ps.count(field, len(byName), maxBlockedIPs)
	out := make(map[string]string, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		ps.text(field+"."+name, name, maxName)
		ip, err := netip.ParseAddr(byName[name])
		if err != nil || ip.Zone() != "" {
			ps.add(field+"."+name, "must be one IPv4 or IPv6 address (got %q)", byName[name])
		}
		out[name] = ip.Unmap().String()
	}
	return out
}

// checkTotal refuses what would make the application's documents too large.
func checkTotal(ctx context.Context, tx *sql.Tx, app string) error {
	var n, bytes int
	if err := tx.QueryRowContext(ctx, queries.Get("rules_total"), app).Scan(&n, &bytes); err != nil {
		return err
	}
	var ps problems
	if n > maxRules {
		ps.add("", "an application can have %d rules: delete one first", maxRules)
	}
	if bytes > maxRulesBytes {
		ps.add("", "all rules with their customers must have at most %d MiB as JSON, as gateways do not take more: this would make %d bytes", maxRulesBytes>>20, bytes)
	}
	return ps.err()
}
