// Package library shows the integration at work in Go programs of several kinds.
// Each example is whole, runs as a test, and prints what a collector gets.
package library
