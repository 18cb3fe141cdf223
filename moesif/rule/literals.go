package rule

import (
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// Bounds on the strings that stand for a part of an expression.
const (
	manyWords = 32   // strings in a set
	manyRunes = 16   // of a class, such as [abc]
	manyBytes = 4096 // of all strings in a set
)

// flatten appends the parts of re that must match one behind the other.
func flatten(parts []*syntax.Regexp, re *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			parts = flatten(parts, sub)
		}
		return parts
	case syntax.OpEmptyMatch:
		return parts
	}
	return append(parts, re)
}

// isOptional reports whether re matches the empty string wherever it is.
func isOptional(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar || re.Op == syntax.OpQuest
}

// isLine reports whether re is .* without the s flag.
func isLine(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar && re.Sub[0].Op == syntax.OpAnyCharNotNL
}

// finite returns all strings that parts match; nil when they are too many.
func finite(parts []*syntax.Regexp) []string {
	all := []string{""}
	for _, part := range parts {
		if all = product(all, words(part)); all == nil {
			return nil
		}
	}
	return all
}

// words returns all strings that re matches; nil when they are too many, or
// when it looks at more than the text it matches.
func words(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if !isFixed(r, re.Flags) {
				return nil
			}
		}
		return []string{string(re.Rune)}
	case syntax.OpCharClass:
		return class(re.Rune)
	case syntax.OpConcat, syntax.OpCapture:
		return finite(flatten(nil, re))
	case syntax.OpQuest:
		return union(words(re.Sub[0]), []string{""})
	case syntax.OpAlternate:
		all := words(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			all = union(all, words(sub))
		}
		return all
	}
	return nil
}

// isFixed reports whether only one piece of text matches the rune r of a
// literal. U+FFFD also stands for each byte that is no UTF-8.
func isFixed(r rune, flags syntax.Flags) bool {
	return r != utf8.RuneError && utf8.ValidRune(r) && (flags&syntax.FoldCase == 0 || unicode.SimpleFold(r) == r)
}

// class returns the runes between each pair of bounds.
func class(bounds []rune) []string {
	var all []string
	for i := 0; i < len(bounds); i += 2 {
		for r := bounds[i]; r <= bounds[i+1]; r++ {
			if len(all) == manyRunes || !isFixed(r, 0) {
				return nil
			}
			all = append(all, string(r))
		}
	}
	return all
}

// product returns each string of a followed by each of b; nil when they are too
// many or one of the sets is nil.
func product(a, b []string) []string {
	if a == nil || b == nil || len(a)*len(b) > manyWords {
		return nil
	}
	all := make([]string, 0, len(a)*len(b))
	size := 0
	for _, x := range a {
		for _, y := range b {
			size += len(x) + len(y)
			all = append(all, x+y)
		}
	}
	if size > manyBytes {
		return nil
	}
	return all
}

// union returns the strings of both; nil when they are too many or one of the
// sets is nil.
func union(a, b []string) []string {
	if a == nil || b == nil || len(a)+len(b) > manyWords {
		return nil
	}
	return append(append(make([]string, 0, len(a)+len(b)), a...), b...)
}

// heads returns the strings that everything parts match begins with, nil when
// that says nothing.
func heads(parts []*syntax.Regexp) []string {
	best := []string{""}
	for _, part := range parts {
		longer := product(best, words(part))
		if longer == nil {
			break
		}
		best = longer
	}
	return useful(best)
}

// tails is heads for the end.
func tails(parts []*syntax.Regexp) []string {
	best := []string{""}
	for i := len(parts) - 1; i >= 0; i-- {
		longer := product(words(parts[i]), best)
		if longer == nil {
			break
		}
		best = longer
	}
	return useful(best)
}

// needed returns strings of which everything that parts match holds one, perhaps
// in other case (ASCII); nil when none are known.
func needed(parts []*syntax.Regexp) []string {
	var best []string
	row := []string{""}
	for _, part := range parts {
		more := words(part)
		if longer := product(row, more); longer != nil {
			row = longer
			continue
		}
		best = better(best, useful(row))
		if row = more; row == nil {
			row = []string{""}
			best = better(best, within(part))
		}
	}
	return better(best, useful(row))
}

// within is needed for one part that has no finite set of words.
func within(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return foldable(re.Rune)
	case syntax.OpPlus:
		return needed(flatten(nil, re.Sub[0]))
	case syntax.OpAlternate:
		all := needed(flatten(nil, re.Sub[0]))
		for _, sub := range re.Sub[1:] {
			all = union(all, needed(flatten(nil, sub)))
		}
		return all
	}
	return nil
}

// foldable returns the longest piece of a literal that is matched in any case,
// and has no other forms than ASCII ones. (The Kelvin sign folds with k, the
// long s with s.)
func foldable(runes []rune) []string {
	var best, piece []rune
	for _, r := range runes {
		if isFixed(r, syntax.FoldCase) || isPair(r) {
			piece = append(piece, r)
		} else {
			piece = nil
		}
		if len(piece) > len(best) {
			best = piece
		}
	}
	return useful([]string{string(best)})
}

// isPair reports whether r is an ASCII letter with no other form than its capital
// or small letter.
func isPair(r rune) bool {
	return r < utf8.RuneSelf && unicode.SimpleFold(unicode.SimpleFold(r)) == r
}

// useful returns the set, or nil when one of its strings is empty: everything
// holds that.
func useful(set []string) []string {
	if shortest(set) == 0 {
		return nil
	}
	return set
}

func shortest(set []string) int {
	n := manyBytes
	for _, word := range set {
		n = min(n, len(word))
	}
	return n
}

// better returns the set that fewer texts hold, by guess: the one whose
// shortest string is longer, then the one with fewer strings.
func better(a, b []string) []string {
	switch {
	case a == nil:
		return b
	case b == nil, shortest(a) > shortest(b), shortest(a) == shortest(b) && len(a) <= len(b):
		return a
	}
	return b
}
