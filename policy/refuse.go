package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// elsewhere are names of the Enterprise dialect that cannot be honoured here, and
// what to do instead. A star stands for any ending.
var elsewhere = map[string]string{
	"geoIP":           "it needs a GeoIP database; let a proxy in front set a country header and use getHeader",
	"hostname":        "the machine's name says nothing about a call; set it in metadata instead",
	"quotaProcessor*": "quotas are counted elsewhere; use the answer's status or its X-Quota headers in resp_headers",
	"isAlphanumeric":  "write value.matches('^[A-Za-z0-9]+$')",
	"uuid":            "the same call must always get the same decision",
	"toJSON":          "the JSON of an answer is in resp_data",
	"fromJSON":        "the JSON of an answer is in resp_data",
	"sha256":          "hashes are not part of CEL",
	"hmac":            "hashes are not part of CEL",
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '@([^']*)' applied to '\(@request(?:, )?(.*)\)'`)
)

// explain names every mistake with the column it stands at, counted from 1.
func explain(env *cel.Env, issues *cel.Issues) error {
	var mistakes []string
	for _, e := range issues.Errors() {
		at := fmt.Sprintf("column %d", max(e.Location.Column(), 0)+1)
		if line := e.Location.Line(); line > 1 {
			at = fmt.Sprintf("line %d, %s", line, at)
		}
		mistakes = append(mistakes, clearer(env, strings.ReplaceAll(e.Message, "\n", " "))+" ("+at+")")
	}
	return errors.New(strings.Join(mistakes, "; "))
}

// clearer puts a message of CEL into the words of this dialect.
func clearer(env *cel.Env, message string) string {
	if m := overload.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s takes a string (got %s)", m[1], m[2])
	}
	m := undeclared.FindStringSubmatch(message)
	if m == nil {
		return message
	}
	name := m[1]
	for known, instead := range elsewhere {
		prefix, any := strings.CutSuffix(known, "*")
		if name == known || any && strings.HasPrefix(name, prefix) {
			return fmt.Sprintf("%s is not available here: %s", name, instead)
		}
	}
	return fmt.Sprintf("%s is not known: the nearest known name is %s", name, nearest(name, env))
}

// nearest returns the name an expression can use that is most like name.
func nearest(name string, env *cel.Env) string {
	var known []string
	for _, v := range env.Variables() {
		known = append(known, v.Name())
	}
	for f := range env.Functions() {
		known = append(known, f)
	}
	for _, m := range env.Macros() {
		known = append(known, m.Function())
	}
	slices.Sort(known) // the first of equals, always the same one
	best, least := "", -1
	for _, k := range known {
		if strings.ContainsAny(k, "@_!-") && !strings.HasPrefix(k, "req_") && !strings.HasPrefix(k, "resp_") {
			continue // operators and what macros expand to
		}
		if d := distance(strings.ToLower(name), strings.ToLower(k)); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of bytes to change, insert or remove between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
