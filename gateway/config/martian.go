package config

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// Modifier is one modifier of modifier/martian, with those inside it (KrakenD v3, 5
// and the names of google/martian, which is not used).
type Modifier struct {
	Kind                  string // header.Modifier, fifo.Group, ...
	OnRequest, OnResponse bool

	Name        string         // of a header (canonical), a query parameter or a cookie
	To          string         // header.Copy: the header that gets the value
	Names       []string       // header.Blacklist, canonical
	Value       string         // "" of a filter: any
	Regex       *regexp.Regexp // of a regex filter
	Scheme      string         // of url.Modifier and url.Filter; "" leaves it, or is any
	Host        string         // of a filter, * stands for one label
	Path, Query string
	Body        []byte
	ContentType string
	Status      int
	Cookie      *http.Cookie

	Modifiers  []Modifier // of a group
	Then, Else *Modifier  // of a filter; nil does nothing
}

// maxModifierFile bounds, in bytes, the file of body.FromFile.
const maxModifierFile = 10 << 20

// modifierKind says where a modifier may work, and reads its own keys.
type modifierKind struct {
	request, response bool
	read              func(b *block, m *Modifier)
}

// modifierKinds are those that people use.
func modifierKinds() map[string]modifierKind {
	return map[string]modifierKind{
		"header.Modifier":      {true, true, (*block).headerChange},
		"header.Append":        {true, true, (*block).headerChange},
		"header.Copy":          {true, true, (*block).headerCopy},
		"header.Blacklist":     {true, true, (*block).headerBlacklist},
		"header.Id":            {true, false, func(*block, *Modifier) {}},
		"header.Filter":        {true, true, (*block).headerFilter},
		"header.RegexFilter":   {true, true, (*block).headerRegexFilter},
		"querystring.Modifier": {true, false, (*block).nameValue},
		"querystring.Filter":   {true, true, func(b *block, m *Modifier) { b.nameValue(m); b.branches(m) }},
		"url.Modifier":         {true, false, (*block).urlParts},
		"url.Filter":           {true, true, func(b *block, m *Modifier) { b.urlParts(m); b.branches(m) }},
		"url.RegexFilter":      {true, true, func(b *block, m *Modifier) { b.regex(m); b.branches(m) }},
		"body.Modifier":        {true, true, (*block).modifierBody},
		"body.FromFile":        {true, true, (*block).modifierFile},
		"cookie.Modifier":      {true, true, (*block).modifierCookie},
		"status.Modifier":      {false, true, (*block).modifierStatus},
		"fifo.Group":           {true, true, (*block).modifierGroup},
	}
}

// modifier reads an object of one modifier; nil when it is wrong. KrakenD starts
// without the modifiers that it does not know; here they are refused.
func (b *block) modifier() *Modifier {
	var names []string
	for name := range b.values {
		if !isComment(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) != 1 {
		b.problem(b.path, "must hold one modifier, such as header.Modifier (got %d); several stand in a fifo.Group", len(names))
		return nil
	}
	name := names[0]
	kinds := modifierKinds()
	kind, known := kinds[name]
	if !known {
		all := slices.Sorted(maps.Keys(kinds))
		b.problem(under(b.path, name), "not supported: the modifiers are %s%s", strings.Join(all, ", "), didYouMean(name, all))
		return nil
	}
	o := b.object(name)
	if o == nil {
		return nil
	}
	m := &Modifier{Kind: name}
	o.scope(kind, m)
	kind.read(o, m)
	o.close(nil)
	return m
}

// scope reads where a modifier works: where it can, unless told.
func (b *block) scope(kind modifierKind, m *Modifier) {
	if !b.has("scope") {
		b.ignore("scope")
		m.OnRequest, m.OnResponse = kind.request, kind.response
		return
	}
	for i, s := range b.texts("scope") {
		can := false
		switch s {
		case "request":
			can, m.OnRequest = kind.request, kind.request
		case "response":
			can, m.OnResponse = kind.response, kind.response
		default:
			b.problem(b.elementAt("scope", i), "must be request or response (got %s)", show(s))
			continue
		}
		if !can {
			b.problem(b.elementAt("scope", i), "%s does not work on a %s", m.Kind, s)
		}
	}
}

func (b *block) must(key string) string {
	v := b.text(key)
	if v == "" && !b.has(key) {
		b.problem(b.at(key), "missing")
	}
	return v
}

// changedHeader reads the name of a header that may be set.
func (b *block) changedHeader(key string) string {
	name := textproto.CanonicalMIMEHeaderKey(b.must(key))
	switch name {
	case "Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		b.problem(b.at(key), "%s belongs to the connection, and can't be changed", name)
	}
	if name != "" && !isToken(name) {
		b.problem(b.at(key), "is not the name of a header (got %s)", show(name))
	}
	return name
}

func (b *block) headerChange(m *Modifier) {
	m.Name, m.Value = b.changedHeader("name"), b.headerValue("value")
}

func (b *block) headerCopy(m *Modifier) {
	m.Name, m.To = textproto.CanonicalMIMEHeaderKey(b.must("from")), b.changedHeader("to")
}

func (b *block) headerBlacklist(m *Modifier) {
	for _, name := range b.texts("names") {
		m.Names = append(m.Names, textproto.CanonicalMIMEHeaderKey(name))
	}
	if len(m.Names) == 0 && !b.has("names") {
		b.problem(b.at("names"), "missing: the headers to remove")
	}
}

func (b *block) headerFilter(m *Modifier) {
	m.Name, m.Value = textproto.CanonicalMIMEHeaderKey(b.must("name")), b.text("value")
	b.branches(m)
}

func (b *block) headerRegexFilter(m *Modifier) {
	m.Name = textproto.CanonicalMIMEHeaderKey(b.must("header"))
	b.regex(m)
	b.branches(m)
}

func (b *block) regex(m *Modifier) {
	text := b.must("regex")
	var err error
	if m.Regex, err = regexp.Compile(text); err != nil {
		b.problem(b.at("regex"), "%v", err)
	}
}

func (b *block) nameValue(m *Modifier) {
	m.Name, m.Value = b.must("name"), b.text("value")
}

func (b *block) urlParts(m *Modifier) {
	m.Scheme, m.Host, m.Path, m.Query = b.text("scheme"), b.text("host"), b.text("path"), b.text("query")
	if m.Kind == "url.Filter" {
		return
	}
	if m.Scheme != "" && m.Scheme != "http" && m.Scheme != "https" {
		b.problem(b.at("scheme"), "must be http or https (got %s)", show(m.Scheme))
	}
	if m.Path != "" && !strings.HasPrefix(m.Path, "/") {
		b.problem(b.at("path"), "must start with / (got %s)", show(m.Path))
	}
	if _, err := sanitiseHost(m.Host); m.Host != "" && (err != nil || strings.ContainsAny(m.Host, "/@")) {
		b.problem(b.at("host"), "must be a host, with a port where it needs one (got %s)", show(m.Host))
	}
	for key, v := range map[string]string{"path": m.Path, "query": m.Query} {
		if strings.ContainsFunc(v, func(r rune) bool { return isControl(r) || r == ' ' && key == "query" }) {
			b.problem(b.at(key), "must not hold control characters, or a query spaces (got %s)", show(v))
		}
	}
}

func (b *block) modifierBody(m *Modifier) {
	m.ContentType = b.headerValue("contentType")
	text := b.must("body")
	var err error
	if m.Body, err = base64.StdEncoding.DecodeString(text); err != nil {
		b.problem(b.at("body"), "must be in base64 (got %s)", show(text))
	}
}

func (b *block) modifierFile(m *Modifier) {
	m.ContentType = b.headerValue("contentType")
	path := b.must("path")
	if path == "" {
		return
	}
	var err error
	if m.Body, err = smallFile(path, maxModifierFile); err != nil {
		b.problem(b.at("path"), "%v", err)
	}
}

func (b *block) modifierCookie(m *Modifier) {
	m.Cookie = &http.Cookie{
		Name: b.must("name"), Value: b.text("value"), Path: b.text("path"), Domain: b.text("domain"),
		MaxAge: b.number("maxAge", most32), Secure: b.flag("secure"), HttpOnly: b.flag("httpOnly"),
	}
	b.refuse("expires", "the cookie would last as long as the browser; set maxAge")
	if err := m.Cookie.Valid(); err != nil {
		b.problem(b.path, "%v", err)
	}
}

func (b *block) modifierStatus(m *Modifier) {
	before := len(b.problems)
	if m.Status = b.number("statusCode", 599); m.Status < 200 && len(b.problems) == before {
		b.problem(b.at("statusCode"), "must be a status from 200 to 599 (got %d)", m.Status)
	}
}

func (b *block) modifierGroup(m *Modifier) {
	b.ignore("aggregateErrors") // nothing here fails at run time
	for o := range b.objects("modifiers") {
		if inner := o.modifier(); inner != nil {
			m.Modifiers = append(m.Modifiers, *inner)
		}
	}
	if !b.has("modifiers") {
		b.problem(b.at("modifiers"), "missing: the modifiers of the group")
	}
}

// branches reads what a filter does where it matches, and where it does not.
func (b *block) branches(m *Modifier) {
	if o := b.object("modifier"); o != nil {
		m.Then = o.modifier()
	} else if !b.has("modifier") {
		b.problem(b.at("modifier"), "missing: what to do where the filter matches")
	}
	if o := b.object("else"); o != nil {
		m.Else = o.modifier()
	}
}
