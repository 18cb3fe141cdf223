//go:build !failpoints

// Package failpoint names the moments between two steps that must belong together
// whatever happens. Built with the tag failpoints, the program dies at one of them,
// as of a power cut, to show that they do; otherwise nothing of it is left.
package failpoint

// Hit passes the moment with this name.
func Hit(string) {}

// Often returns n. With the tag it is a hundredth: what comes after n of something
// comes often enough to die of it.
func Often(n int) int { return n }
