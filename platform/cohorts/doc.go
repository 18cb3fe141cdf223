// Package cohorts keeps groups of users or companies that a rule over their
// behaviour and their profiles makes: who is in one is found again and again as
// calls and profiles come in and time goes by, and entering and leaving are
// events that others can follow (Moesif wire, 7.4).
package cohorts
