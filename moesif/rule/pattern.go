package rule

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// pattern is a regular expression that is looked for in a text, not anchored.
// Most of those that people write ask for no more than a comparison of strings;
// only the others run the expression.
type pattern struct {
	begin, end bool           // words stand at the beginning, at the end of the text
	words      []string       // one of them must be there
	oneLine    bool           // with begin: no line ends behind the word
	re         *regexp.Regexp // nil: words decide; otherwise it does, after heads and tails
	heads      []string       // with re: the text begins with one of them; nil: not known
	tails      []string       // with re: the text ends with one of them; nil: not known
	// needs holds literals of which every matching text has at least one, perhaps
	// in other case (ASCII); nil: none known.
	needs []string
}

// newPattern compiles a regular expression in RE2's syntax.
func newPattern(value string) (*pattern, error) {
	re, err := regexp.Compile(value)
	if err != nil {
		var broken *syntax.Error
		if errors.As(err, &broken) {
			return nil, fmt.Errorf("not a regular expression (RE2): %s at %s", broken.Code, quoted(broken.Expr))
		}
		return nil, fmt.Errorf("not a regular expression (RE2): %w", err)
	}
	tree, err := syntax.Parse(value, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("not a regular expression (RE2): %w", err)
	}
	p := &pattern{}
	parts := p.edges(flatten(nil, tree.Simplify()))
	p.needs = needed(parts)
	if p.words = finite(parts); p.words != nil {
		return p, nil
	}
	if n := len(parts) - 1; p.begin && p.end && isLine(parts[n]) {
		if p.words = finite(parts[:n]); p.words != nil {
			p.end, p.oneLine = false, true
			return p, nil
		}
	}
	p.re = re
	if p.begin {
		p.heads = heads(parts)
	}
	if p.end {
		p.tails = tails(parts)
	}
	return p, nil
}

// edges notes at which ends the expression is anchored, and returns it without
// the anchors and without what may be there or not at an end that is open.
func (p *pattern) edges(parts []*syntax.Regexp) []*syntax.Regexp {
	for len(parts) > 0 && parts[0].Op == syntax.OpBeginText {
		p.begin, parts = true, parts[1:]
	}
	for n := len(parts) - 1; n >= 0 && parts[n].Op == syntax.OpEndText; n-- {
		p.end, parts = true, parts[:n]
	}
	for !p.begin && len(parts) > 0 && isOptional(parts[0]) {
		parts = parts[1:]
	}
	for n := len(parts) - 1; !p.end && n >= 0 && isOptional(parts[n]); n-- {
		parts = parts[:n]
	}
	return parts
}

// match reports whether the expression is found in text.
func (p *pattern) match(text string) bool {
	if p.re != nil {
		return hasAny(p.heads, text, strings.HasPrefix) && hasAny(p.tails, text, strings.HasSuffix) && p.re.MatchString(text)
	}
	for _, word := range p.words {
		if p.holds(text, word) {
			return true
		}
	}
	return false
}

func (p *pattern) holds(text, word string) bool {
	switch {
	case p.begin && p.end:
		return text == word
	case p.begin:
		return strings.HasPrefix(text, word) && (!p.oneLine || strings.IndexByte(text[len(word):], '\n') < 0)
	case p.end:
		return strings.HasSuffix(text, word)
	}
	return strings.Contains(text, word)
}

func hasAny(words []string, text string, has func(text, word string) bool) bool {
	if words == nil {
		return true
	}
	for _, word := range words {
		if has(text, word) {
			return true
		}
	}
	return false
}

// patterns compiles each expression once.
type patterns map[string]compiledPattern

type compiledPattern struct {
	*pattern
	err error
}

func (ps patterns) get(value string) (*pattern, error) {
	c, known := ps[value]
	if !known {
		c.pattern, c.err = newPattern(value)
		ps[value] = c
	}
	return c.pattern, c.err
}

// quoted returns s for an error message: in quotes, and not too long.
func quoted(s string) string {
	const longest = 64
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
