// Package moesif meters an http.Handler: each request and its answer becomes an
// event, which is masked, queued in memory and pushed in batches to a collector
// that speaks Moesif's protocol. The client's answer never waits for any of it,
// whether the collector is fast, slow, refusing or gone.
//
// Wrap is all that a service needs. A gateway calls its two halves where they
// belong: Capture outermost, Govern behind authentication; and it says through
// the Exchange what only it knows.
package moesif
