// Package access says who may do what: applications and their write-only ids
// for the collector; people, their passwords and sessions, the one-time token
// of the first sign-in, and the administrator's bearer token for the console.
package access
