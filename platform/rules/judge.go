package rules

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Why a stored call cannot be judged.
const (
	MaskedValue = "masked"   // the value was masked before it was sent
	BodyNotKept = "not_kept" // there was a body, and it is not stored
	BodyCut     = "cut"      // only its beginning is stored
)

// unsure is a part of a call that a rule looks at, and why it is not known.
type unsure struct{ path, reason string }

// verdict is what a rule would have done with a call.
type verdict uint8

const (
	passes verdict = iota
	applies
	unknown
)

// judge decides with the engine of the gateways about calls that are stored: a
// rule by itself, as if there were no others.
type judge struct {
	rule    wire.Rule
	config  *rule.Config
	set     *rule.Set
	headers []string // paths of conditions
	bodies  []string

	masked map[string]*rule.Set // by path: applies where the value is masked
	sure   map[string]*rule.Set // by the unsure paths: the rule without the conditions on them
}

func newJudge(u Rule) (*judge, error) {
	w := u.Wire
	w.ID, w.Block = "draft", true // so that what it applies to is blocked
	u.Wire = w
	text, err := json.Marshal(configOf(input{config: DefaultConfig(), rules: []Rule{u}}, "", ""))
	if err != nil {
		return nil, err
	}
	config, err := rule.ReadConfig(text)
	if err != nil {
		return nil, err
	}
	j := &judge{rule: w, config: config, masked: map[string]*rule.Set{}, sure: map[string]*rule.Set{}}
	j.set = config.Compile([]wire.Rule{w}, rule.Options{})
	for _, g := range w.RegexConfig {
		for _, c := range g.Conditions {
			switch {
			case strings.HasPrefix(c.Path, "request.headers."):
				j.headers = append(j.headers, c.Path)
			case strings.HasPrefix(c.Path, "request.body."):
				j.bodies = append(j.bodies, c.Path)
			}
		}
	}
	for _, paths := range []*[]string{&j.headers, &j.bodies} {
		slices.Sort(*paths)
		*paths = slices.Compact(*paths)
	}
	for _, path := range slices.Concat(j.headers, j.bodies) {
		j.masked[path] = maskedAt(path)
	}
	return j, nil
}

// maskedAt returns rules that apply where the value at path, or what it is part
// of, was masked.
func maskedAt(path string) *rule.Set {
	probe := wire.Rule{ID: "masked", Type: typeRegex, Block: true}
	for at := path; strings.Count(at, ".") >= 2; at = at[:strings.LastIndexByte(at, '.')] {
		probe.RegexConfig = append(probe.RegexConfig, wire.RegexGroup{Conditions: []wire.Condition{{Path: at, Value: `\*{5}`}}})
		if strings.HasPrefix(path, "request.headers.") {
			break // a name may have dots
		}
	}
	return rule.Compile(wire.AppConfig{}, []wire.Rule{probe}, rule.Options{})
}

// decide says what the rule would have done. Conditions only ever narrow, so a
// call is sure where the rule decides the same whatever is not known of it.
func (j *judge) decide(e *wire.Event) (verdict, []unsure) {
	s, kept := subjectOf(e)
	if d := j.set.Decide(s); d.Blocked {
		return applies, nil
	}
	missing := j.missing(e, s, kept)
	if len(missing) == 0 {
		return passes, nil
	}
	if d := j.without(missing).Decide(s); d.Blocked {
		return unknown, missing
	}
	return passes, nil
}

func (j *judge) missing(e *wire.Event, s *rule.Subject, reason string) (list []unsure) {
	for _, path := range j.headers {
		if d := j.masked[path].Decide(s); d.Blocked {
			list = append(list, unsure{path, MaskedValue})
		}
	}
	for _, path := range j.bodies {
		if reason != "" {
			list = append(list, unsure{path, reason})
		} else if d := j.masked[path].Decide(s); d.Blocked {
			list = append(list, unsure{path, MaskedValue})
		}
	}
	return list
}

// without returns the rule without the conditions on what is not sure.
func (j *judge) without(missing []unsure) *rule.Set {
	var key strings.Builder
	for _, m := range missing {
		key.WriteString(m.path)
		key.WriteByte('\n')
	}
	if s := j.sure[key.String()]; s != nil {
		return s
	}
	w := j.rule
	w.RegexConfig = make([]wire.RegexGroup, len(j.rule.RegexConfig))
	for i, g := range j.rule.RegexConfig {
		for _, c := range g.Conditions {
			if !slices.ContainsFunc(missing, func(m unsure) bool { return m.path == c.Path }) {
				w.RegexConfig[i].Conditions = append(w.RegexConfig[i].Conditions, c)
			}
		}
	}
	made := j.config.Compile([]wire.Rule{w}, rule.Options{})
	if len(j.sure) < maxSure {
		j.sure[key.String()] = made
	}
	return made
}

// maxSure bounds the rules that judge.sure remembers.
const maxSure = 256

// subjectOf returns a stored call as the rules see it. Its body is what a gateway
// would have looked at; reason says why that is not known, "" when it is.
func subjectOf(e *wire.Event) (s *rule.Subject, reason string) {
	s = &rule.Subject{
		UserID: e.UserID, CompanyID: e.CompanyID, Verb: e.Request.Verb, Route: pathOf(e.Request.URI),
		IP: e.Request.IPAddress, Headers: e.Request.Headers,
	}
	if e.Request.ContentLength > rule.MaxBody || coded(e.Request.Headers) {
		return s, "" // gateways do not look into it
	}
	about, _ := e.Gatemeter()
	switch {
	case slices.Contains(about.Cut, "request.body"):
		return s, BodyCut
	case len(e.Request.Body) > 0:
		s.Body = bodyOf(e)
		return s, ""
	case e.Request.ContentLength > 0, e.Request.ContentLength < 0 && mayHaveBody(e.Request.Verb):
		return s, BodyNotKept
	}
	return s, ""
}

func pathOf(uri string) string {
	if u, err := url.Parse(uri); err == nil {
		return u.Path
	}
	path, _, _ := strings.Cut(uri, "?")
	return path
}

func coded(headers wire.Headers) bool {
	for _, h := range headers {
		if strings.EqualFold(h.Name, "Content-Encoding") && h.Value != "" && !strings.EqualFold(h.Value, "identity") {
			return true
		}
	}
	return false
}

func mayHaveBody(verb string) bool {
	return verb != http.MethodGet && verb != http.MethodHead && verb != http.MethodOptions
}

// bodyOf returns the bytes that came over the network, or JSON of the same value.
func bodyOf(e *wire.Event) rule.Bytes {
	var text string
	if e.Request.TransferEncoding != "base64" || json.Unmarshal(e.Request.Body, &text) != nil {
		return rule.Bytes(bytes.TrimSpace(e.Request.Body))
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return rule.Bytes(text)
	}
	return raw
}
