package config

import "strings"

// didYouMean ends a message about an unknown word with the known one that is
// closest to it, or with nothing when none is close.
func didYouMean(word string, known []string) string {
	if best := nearest(word, known); best != "" {
		return " (did you mean " + best + "?)"
	}
	return ""
}

// nearest finds the known word that is at most two slips of the keyboard away
// from word (one in a short word), or "".
func nearest(word string, known []string) string {
	const longest = 100 // no key of the format is longer
	if len(word) > longest {
		return ""
	}
	plain := spelling(word)
	limit := min(2, (len(plain)+1)/3)
	best, least := "", limit+1
	for _, k := range known {
		if d := slips(plain, spelling(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// spelling folds what people mix up: case, and the sign between words.
func spelling(word string) string {
	return strings.NewReplacer("-", "_", " ", "_", ".", "_").Replace(strings.ToLower(word))
}

// slips counts the letters to add, drop, replace or swap with their neighbour
// to turn a into b (the optimal string alignment distance).
func slips(a, b string) int {
	older, old := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := old[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, old[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old = old, row
	}
	return old[len(b)]
}
