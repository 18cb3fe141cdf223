package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
)

// AuditEntry says who changed what.
type AuditEntry struct {
	ID        int64             `json:"id" doc:"Grows with every entry." example:"1204"`
	At        time.Time         `json:"at" doc:"When it was done." example:"2026-11-22T10:00:00.123456Z"`
	WhoKind   string            `json:"who_kind" doc:"person, token, administrator (GATEMETER_ADMIN_TOKEN) or nobody (not signed in)." example:"person"`
	WhoID     string            `json:"who_id" doc:"Id of the person or token; empty for the others." example:"person_k3v9x2m7q4ts"`
	WhoName   string            `json:"who_name" doc:"E-mail address of the person or name of the token, as it was then." example:"ada@example.com"`
	Address   string            `json:"address" doc:"IP address that the connection came from." example:"203.0.113.9"`
	Operation string            `json:"operation" doc:"The operation's id in this document." example:"change-rule"`
	Target    string            `json:"target" doc:"The path it was sent to." example:"/rules/64ca685a833073c6b41b15f3"`
	App       string            `json:"app" doc:"The application that was named; empty when none was." example:"app_k3v9x2m7q4ts"`
	Notes     map[string]string `json:"notes" doc:"What else tells what was done. Never a secret." example:"{\"name\":\"Free plan\"}"`
}

type auditRequest struct {
	Who    string `query:"who" maxLength:"64" doc:"Only what this person or token did, by id." example:"person_k3v9x2m7q4ts"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Entries of a page." example:"100"`
	Cursor string `query:"cursor" maxLength:"32" doc:"next of the page before." example:"1204"`
}

type auditAnswer struct {
	Body struct {
		Entries  []AuditEntry `json:"entries" nullable:"false" doc:"What was done, newest first."`
		Next     string       `json:"next" doc:"Cursor of the next page; empty at the end." example:"1105"`
		KeptDays int          `json:"kept_days" doc:"An entry is deleted when it is so many days old." example:"400"`
	}
}

func (a *api) addAudit() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/api/v1/audit", Tags: []string{"audit"}, Metadata: needs(access.ReadAudit), Errors: []int{401, 403, 422, 503},
		Summary: "Audit log", Description: "Every change that was made through this API or by signing in. Nothing is taken out of it before it is kept_days old.",
	}, func(ctx context.Context, r *auditRequest) (*auditAnswer, error) {
		var before int64
		if r.Cursor != "" {
			var err error
			if before, err = strconv.ParseInt(r.Cursor, 10, 64); err != nil || before < 1 {
				return nil, unprocessable("query.cursor", "send next of the page before")
			}
		}
		list, err := a.Gate.Audit(ctx, r.Who, before, r.Limit+1)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		answer := &auditAnswer{}
		answer.Body.KeptDays = a.Gate.AuditDays()
		if len(list) > r.Limit {
			list = list[:r.Limit]
			answer.Body.Next = strconv.FormatInt(list[r.Limit-1].Number, 10)
		}
		answer.Body.Entries = make([]AuditEntry, len(list))
		for i, e := range list {
			answer.Body.Entries[i] = AuditEntry{
				ID: e.Number, At: e.At, WhoKind: e.WhoKind, WhoID: e.WhoID, WhoName: e.WhoName, Address: e.Address,
				Operation: e.Operation, Target: e.Target, App: e.App, Notes: e.Notes,
			}
		}
		return answer, nil
	})
}
