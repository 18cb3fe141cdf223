package management

import (
	"encoding/json"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/cohorts"
)

// cohortDocument is Moesif's document of a cohort. Its criteria are ours: what
// Moesif keeps there is a document of its own console.
type cohortDocument struct {
	ID        string            `json:"_id"`
	CreatedAt time.Time         `json:"created_at"`
	OrgID     string            `json:"org_id"`
	AppID     string            `json:"app_id"`
	Name      string            `json:"cohort_name"`
	Type      string            `json:"cohort_type"` // user or company
	Criteria  json.RawMessage   `json:"criteria"`
	Members   int               `json:"members"` // ours; read only
	Channels  []json.RawMessage `json:"channels,omitempty"`
	Notify    json.RawMessage   `json:"notification_rule,omitempty"`
	cohortExtra
}

// cohortExtra is what we keep of a document without acting upon it.
type cohortExtra struct {
	URLQuery     string `json:"url_query,omitempty"`
	From         string `json:"from,omitempty"`
	To           string `json:"to,omitempty"`
	TimeZone     string `json:"time_zone,omitempty"`
	WeekStartsOn *int   `json:"week_starts_on,omitempty"`
	Priority     *int32 `json:"priority,omitempty"`
	LockedBy     string `json:"locked_by,omitempty"`
}

func cohortOf(app access.Application, c cohorts.Cohort, x cohortExtra) (cohortDocument, error) {
	criteria, err := json.Marshal(c.Criteria)
	return cohortDocument{
		ID: c.ID, CreatedAt: c.CreatedAt, OrgID: orgID, AppID: appID(app), Name: c.Name, Type: c.Kind, Criteria: criteria, Members: c.Members,
		cohortExtra: x,
	}, err
}

// readCohort is readRule for cohorts.
func readCohort(data []byte, before *cohortDocument) (cohorts.Draft, cohortExtra, error) {
	var d cohortDocument
	if err := overlay(data, before, &d, "members"); err != nil {
		return cohorts.Draft{}, cohortExtra{}, err
	}
	draft := cohorts.Draft{Name: d.Name, Kind: d.Type}
	switch {
	case len(d.Channels) > 0:
		return draft, d.cohortExtra, bad("channels", "notifications are not known here: leave it out")
	case len(d.Notify) > 0 && string(d.Notify) != "null":
		return draft, d.cohortExtra, bad("notification_rule", "notifications are not known here: leave it out")
	case len(d.URLQuery) > 64<<10 || len(d.From)+len(d.To)+len(d.TimeZone)+len(d.LockedBy) > 1024:
		return draft, d.cohortExtra, bad("body", "url_query or another text is too long")
	}
	if err := strictly(d.Criteria, &draft.Criteria); err != nil {
		return draft, d.cohortExtra, bad("criteria", `must be like {"match":"all","conditions":[{"attribute":{"field":"metadata.plan","op":"is","values":["free"]}}]}: %v`, err)
	}
	return draft, d.cohortExtra, nil
}
