// Package backup copies a platform's data while it runs, and puts a copy back.
//
// A backup is a tar archive: state.db, events.duckdb and what DuckDB keeps beside
// it, the files of journal/, and at the end manifest.json with the SHA-256 of
// each. What has no manifest is not whole.
//
// The three stores are copied one after the other, the event store before the
// journal: what was accepted in between is in the journal's copy, behind the
// position of the store's copy, and is loaded once after a restore.
package backup
