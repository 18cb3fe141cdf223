// Package customers keeps what is known of the users, companies and
// subscriptions of an application: profiles that are merged from upserts, and
// when somebody was first and last seen.
package customers
