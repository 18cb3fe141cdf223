package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// platformAPI is a platform, asked over HTTP as any script would.
type platformAPI struct{ url string }

// event is what the tests look at in an event's wire form.
type event struct {
	Request struct {
		Time    string            `json:"time"`
		URI     string            `json:"uri"`
		Verb    string            `json:"verb"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Time   string          `json:"time"`
		Status int             `json:"status"`
		Body   json.RawMessage `json:"body"`
	} `json:"response"`
	UserID        string `json:"user_id"`
	CompanyID     string `json:"company_id"`
	TransactionID string `json:"transaction_id"`
	Metadata      struct {
		KrakenD   map[string]any `json:"krakend"`
		Gatemeter struct {
			Route    string   `json:"route"`
			Identity string   `json:"identity"`
			Refused  string   `json:"refused"`
			Cut      []string `json:"cut"`
		} `json:"gatemeter"`
	} `json:"metadata"`
}

// books is one application's balance.
type books struct {
	App       string           `json:"app"`
	Received  int64            `json:"received"`
	Stored    int64            `json:"stored"`
	Duplicate int64            `json:"duplicate"`
	Rejected  map[string]int64 `json:"rejected"`
	Dropped   map[string]int64 `json:"dropped"`
	InFlight  int64            `json:"in_flight"`
}

func (b books) balance() error {
	sum := b.Stored + b.Duplicate + b.InFlight
	for _, n := range b.Rejected {
		sum += n
	}
	for _, n := range b.Dropped {
		sum += n
	}
	if sum != b.Received {
		return fmt.Errorf("the platform's books do not balance: received %d, found again %d: %+v", b.Received, sum, b)
	}
	return nil
}

func (p platformAPI) get(t *testing.T, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	status, body := fetch(t, req)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

func (p platformAPI) applicationID(t *testing.T) string {
	t.Helper()
	var answer struct {
		Apps []struct {
			ApplicationID string `json:"application_id"`
		} `json:"apps"`
	}
	p.get(t, "/api/v1/apps", &answer)
	if len(answer.Apps) != 1 || len(answer.Apps[0].ApplicationID) < 50 {
		t.Fatalf("want one application with a long id, got %+v", answer)
	}
	return answer.Apps[0].ApplicationID
}

// events lists one page, newest first.
func (p platformAPI) events(t *testing.T, query url.Values) (page []event, next string) {
	t.Helper()
	var answer struct {
		Events []event `json:"events"`
		Next   string  `json:"next"`
	}
	p.get(t, "/api/v1/events?"+query.Encode(), &answer)
	return answer.Events, answer.Next
}

// allEvents walks every page.
func (p platformAPI) allEvents(t *testing.T) []event {
	t.Helper()
	var all []event
	query := url.Values{"limit": {"1000"}, "bodies": {"false"}}
	for {
		page, next := p.events(t, query)
		all = append(all, page...)
		if next == "" {
			return all
		}
		query.Set("cursor", next)
	}
}

// pipeline returns the books of the only application, which must balance.
func (p platformAPI) pipeline(t *testing.T) books {
	t.Helper()
	var answer struct {
		Apps []books `json:"apps"`
	}
	p.get(t, "/api/v1/pipeline", &answer)
	if len(answer.Apps) != 1 {
		t.Fatalf("want the books of one application, got %+v", answer)
	}
	if err := answer.Apps[0].balance(); err != nil {
		t.Fatal(err)
	}
	return answer.Apps[0]
}
