package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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
		Time    string          `json:"time"`
		Status  int             `json:"status"`
		Headers map[string]any  `json:"headers"`
		Body    json.RawMessage `json:"body"`
	} `json:"response"`
	UserID        string `json:"user_id"`
	CompanyID     string `json:"company_id"`
	TransactionID string `json:"transaction_id"`
	BlockedBy     string `json:"blocked_by"`
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
	p.do(t, http.MethodGet, path, nil, http.StatusOK, into)
}

// do asks with a JSON body, or without for nil, wants the status, and reads the answer.
func (p platformAPI) do(t *testing.T, method, path string, body any, want int, into any) {
	t.Helper()
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	status, answer := fetch(t, req)
	if status != want {
		t.Fatalf("%s %s: %d %s, want %d", method, path, status, answer, want)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, answer)
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

// row is what tells events apart: a list of many decodes no more than this.
type row struct {
	Request struct {
		URI string `json:"uri"`
	} `json:"request"`
	UserID        string `json:"user_id"`
	TransactionID string `json:"transaction_id"`
	Weight        int    `json:"weight"`
}

// rows walks every page of the events that query selects.
func (p platformAPI) rows(t *testing.T, query url.Values) []row {
	t.Helper()
	var all []row
	query = maps.Clone(query)
	query.Set("limit", "1000")
	query.Set("bodies", "false")
	for {
		var page struct {
			Events []row  `json:"events"`
			Next   string `json:"next"`
		}
		p.get(t, "/api/v1/events?"+query.Encode(), &page)
		all = append(all, page.Events...)
		if page.Next == "" {
			return all
		}
		query.Set("cursor", page.Next)
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
