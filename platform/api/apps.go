package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/load"
)

// Balance is the books of one application. received = stored + duplicate +
// the sum of rejected + the sum of dropped + in_flight.
type Balance struct {
	App       string           `json:"app" doc:"The application's id." example:"app_k3v9x2m7q4ts"`
	Received  int64            `json:"received" doc:"Items that came in and were acknowledged." example:"1204"`
	Stored    int64            `json:"stored" doc:"Items that came into the event store." example:"1190"`
	Duplicate int64            `json:"duplicate" doc:"Items that had come in before." example:"10"`
	Rejected  map[string]int64 `json:"rejected" doc:"Items refused, by reason: malformed, too_large, too_old." example:"{\"too_old\":3}"`
	Dropped   map[string]int64 `json:"dropped" doc:"Items lost after they were acknowledged, by reason." example:"{}"`
	InFlight  int64            `json:"in_flight" doc:"Items on disk that are not in the event store yet." example:"1"`
	// Deleted is no part of the sum.
	Deleted map[string]DeletedRows `json:"deleted" doc:"What was stored and is not kept any more, by reason: retention, erased. Stored counts it all the same." example:"{\"retention\":{\"events\":100,\"actions\":0,\"bodies\":400,\"rollups\":0}}"`
}

type pipelineAnswer struct {
	Body struct {
		Apps []Balance `json:"apps" nullable:"false" doc:"The balance of every application, at one moment."`
	}
}

func (a *api) addApps() {
	tags := []string{"applications"}
	a.addApplications(tags)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-pipeline", Method: http.MethodGet, Path: "/api/v1/pipeline", Tags: tags, Metadata: needs(access.ReadApps), Errors: []int{401, 503},
		Summary: "The books", Description: "received = stored + duplicate + rejected + dropped + in_flight, always, for every application.",
	}, func(ctx context.Context, _ *struct{}) (*pipelineAnswer, error) {
		books, err := a.Books.Books(ctx)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		byApp := make(map[string]load.Balance, len(books))
		for _, b := range books {
			byApp[b.App] = b
		}
		answer := &pipelineAnswer{}
		for _, app := range a.Gate.Applications() {
			b := byApp[app.ID]
			answer.Body.Apps = append(answer.Body.Apps, Balance{
				App: app.ID, Received: b.Received, Stored: b.Stored, Duplicate: b.Duplicate,
				Rejected: orEmpty(b.Rejected), Dropped: orEmpty(b.Dropped), InFlight: b.InFlight, Deleted: deletedOf(b.Deleted),
			})
		}
		return answer, nil
	})
}

func orEmpty(counts map[string]int64) map[string]int64 {
	if counts == nil {
		return map[string]int64{}
	}
	return counts
}

func deletedOf(reasons map[string]events.Deleted) map[string]DeletedRows {
	shown := make(map[string]DeletedRows, len(reasons))
	for reason, d := range reasons {
		shown[reason] = deletedRows(d)
	}
	return shown
}
