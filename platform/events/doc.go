// Package events is the store of events: rows go in by the block, answers to
// the questions of the console come out. It is DuckDB in one file.
package events
