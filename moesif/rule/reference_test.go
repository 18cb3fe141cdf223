package rule

import (
	"encoding/json"
	"net/textproto"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// reference is a reading of Moesif wire 4.3, 4.4, 4.6 and 9 that is as slow and
// as direct as can be. It shares nothing with the package but its types.
type reference struct {
	config wire.AppConfig
	rules  []wire.Rule
}

type refApplied struct {
	rule   *wire.Rule
	values map[string]string
}

func (ref *reference) decide(r *Subject) Decision {
	var applied []refApplied
	for _, u := range ref.ofType("regex") {
		if refMatches(u, r) {
			applied = append(applied, refApplied{u, nil})
		}
	}
	applied = append(applied, ref.stage("company", r.CompanyID, ref.config.CompanyRules, r)...)
	applied = append(applied, ref.stage("user", r.UserID, ref.config.UserRules, r)...)

	var d Decision
	headers := map[string]string{}
	for _, a := range applied {
		names := make([]string, 0, len(a.rule.Response.Headers))
		for name := range a.rule.Response.Headers {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			headers[textproto.CanonicalMIMEHeaderKey(name)] = refTags(a.rule.Response.Headers[name], a)
		}
		if !a.rule.Block {
			continue
		}
		d.Blocked, d.BlockedBy, d.Status, d.Body = true, a.rule.ID, a.rule.Response.Status, refBody(a)
		if d.Status < 200 || d.Status > 999 {
			d.Status = 429
		}
		if d.Status == 204 || d.Status == 205 || d.Status == 304 {
			d.Body = nil
		}
	}
	if d.Body != nil {
		headers["Content-Type"] = "application/json"
	}
	for name, value := range headers {
		d.Headers = append(d.Headers, wire.Header{Name: name, Value: value})
	}
	return d
}

// ofType returns the rules of a type; of those with one _id the last counts.
func (ref *reference) ofType(kind string) []*wire.Rule {
	var all []*wire.Rule
	for i := range ref.rules {
		u := &ref.rules[i]
		if u.Type == kind && !slices.ContainsFunc(ref.rules[i+1:], func(later wire.Rule) bool { return later.ID == u.ID }) {
			all = append(all, u)
		}
	}
	return all
}

func (ref *reference) stage(kind, id string, config map[string][]wire.RuleRef, r *Subject) []refApplied {
	var applied []refApplied
	if id == "" {
		for _, u := range ref.ofType(kind) {
			if u.AppliedToUnidentified && refMatches(u, r) {
				applied = append(applied, refApplied{u, nil})
			}
		}
		return applied
	}
	inCohort := map[string]bool{}
	for _, entry := range config[id] {
		inCohort[entry.Rules] = true
		for _, u := range ref.ofType(kind) {
			if u.ID == entry.Rules && u.AppliedTo != "not_matching" && refMatches(u, r) {
				applied = append(applied, refApplied{u, entry.Values})
			}
		}
	}
	for _, u := range ref.ofType(kind) {
		if u.AppliedTo == "not_matching" && !inCohort[u.ID] && refMatches(u, r) {
			applied = append(applied, refApplied{u, nil})
		}
	}
	return applied
}

func refMatches(u *wire.Rule, r *Subject) bool {
	for _, g := range u.RegexConfig {
		for _, c := range g.Conditions {
			if _, err := regexp.Compile(c.Value); err != nil {
				return false
			}
		}
	}
	for _, g := range u.RegexConfig {
		all := true
		for _, c := range g.Conditions {
			text, ok := refLookup(c.Path, r)
			all = all && ok && regexp.MustCompile(c.Value).MatchString(text)
		}
		if all {
			return true
		}
	}
	return len(u.RegexConfig) == 0
}

func refLookup(path string, r *Subject) (string, bool) {
	switch path {
	case "request.verb":
		return r.Verb, r.Verb != ""
	case "request.route":
		if r.Route == "" {
			return "/", true
		}
		return r.Route, true
	case "request.ip", "request.ip_address":
		return r.IP, r.IP != ""
	}
	if name, ok := strings.CutPrefix(path, "request.headers."); ok {
		var values []string
		for _, h := range r.Headers {
			if strings.EqualFold(h.Name, name) {
				values = append(values, h.Value)
			}
		}
		return strings.Join(values, ", "), values != nil
	}
	if name, ok := strings.CutPrefix(path, "request.body."); ok && r.Body != nil {
		data, ok := r.Body.Read()
		if !ok {
			return "", false
		}
		if contentType, _ := refLookup("request.headers.content-type", r); strings.HasPrefix(contentType, "application/graphql") {
			return string(data), name == "query"
		}
		var document any
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.UseNumber()
		if !json.Valid(data) || decoder.Decode(&document) != nil {
			return "", false
		}
		return refFind(document, strings.Split(name, "."))
	}
	return "", false
}

// refFind tries every way to read dots as steps or as parts of keys, steps first.
func refFind(document any, path []string) (string, bool) {
	object, ok := document.(map[string]any)
	if !ok {
		return "", false
	}
	for n := 1; n < len(path); n++ {
		if text, ok := refFind(object[strings.Join(path[:n], ".")], path[n:]); ok {
			return text, true
		}
	}
	switch value := object[strings.Join(path, ".")].(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	}
	return "", false
}

var refTag = regexp.MustCompile(`\{\{[^{}]+\}\}`)

// refTags fills merge tags as the node column of 4.6 says.
func refTags(text string, a refApplied) string {
	if len(a.rule.Variables) == 0 {
		return text
	}
	return refTag.ReplaceAllStringFunc(text, func(tag string) string {
		name, fallback, ok := strings.Cut(strings.Trim(tag, "{}"), "|")
		if !ok {
			fallback = "UNKNOWN"
		}
		name, fallback = strings.TrimSpace(name), strings.TrimSpace(fallback)
		for _, v := range a.rule.Variables {
			if v.Name == name && a.values[name] != "" {
				return a.values[name]
			}
		}
		return fallback
	})
}

func refBody(a refApplied) []byte {
	var body any
	if len(a.rule.Response.Body) == 0 || json.Unmarshal(a.rule.Response.Body, &body) != nil || body == nil {
		return nil
	}
	data, err := json.Marshal(refFill(body, a))
	if err != nil {
		panic(err)
	}
	return data
}

func refFill(body any, a refApplied) any {
	switch body := body.(type) {
	case string:
		return refTags(body, a)
	case []any:
		for i := range body {
			body[i] = refFill(body[i], a)
		}
	case map[string]any:
		for key := range body {
			body[key] = refFill(body[key], a)
		}
	}
	return body
}
