package api

import (
	"time"

	"github.com/gatemeter/gatemeter/platform/events"
)

// Scope is which application and which time a question is about.
type Scope struct {
	App  string `query:"app" maxLength:"255" doc:"The application's id. It may be left out when there is one application." example:"app_k3v9x2m7q4ts"`
	From string `query:"from" maxLength:"64" doc:"Begin of the range, inclusive: RFC 3339, or relative to now (-15m, -1h, -7d)." example:"-24h"`
	To   string `query:"to" maxLength:"64" doc:"End of the range, exclusive: RFC 3339, relative, or now." example:"now"`
}

// Which selects events.
type Which struct {
	UserID    string `query:"user_id" maxLength:"1024" doc:"Only calls of this user." example:"ada"`
	CompanyID string `query:"company_id" maxLength:"1024" doc:"Only calls of this company." example:"acme"`
	Route     string `query:"route" maxLength:"4096" doc:"Only calls of this route: the endpoint's pattern." example:"/orders/{id}"`
	Verb      string `query:"verb" maxLength:"64" doc:"Only calls with this method." example:"GET"`
	Path      string `query:"path" maxLength:"4096" doc:"Only calls of this path." example:"/orders/42"`
	Status    string `query:"status" maxLength:"3" doc:"Only answers with this status, or of this class." example:"4xx"`
	Text      string `query:"q" maxLength:"1024" doc:"Only calls with this text in path, query, user, company or transaction id, in any case." example:"orders"`
	Errors    bool   `query:"errors" doc:"Only calls that failed: a status of 400 and above, or no answer." example:"false"`
}

// filter turns a question into the store's words; length is how far back the
// range goes when it has no begin, 0 for ever.
func (a *api) filter(s Scope, w Which, length time.Duration) (events.Filter, error) {
	app, err := a.application(s.App)
	if err != nil {
		return events.Filter{}, err
	}
	in, err := parseSpan(s.From, s.To, a.Clock(), length)
	if err != nil {
		return events.Filter{}, err
	}
	return events.Filter{
		App: app.ID, From: in.from, To: in.to,
		UserID: w.UserID, CompanyID: w.CompanyID, Route: w.Route, Verb: w.Verb, Path: w.Path,
		Status: w.Status, Text: w.Text, Errors: w.Errors,
	}, nil
}
