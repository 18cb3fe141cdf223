package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Collector is where the demo sends profiles and history: the platform's own
// collector API.
type Collector struct {
	URL           string // without a trailing slash
	ApplicationID string
	Client        *http.Client
}

// Profiles tells the platform the names behind the ids.
func (c Collector) Profiles(ctx context.Context) error {
	type object = map[string]any
	var people, firms []object
	for _, p := range Customers() {
		people = append(people, object{"user_id": p.ID, "company_id": p.Company.ID, "metadata": object{"name": p.Name, "email": p.Email}})
	}
	for _, f := range companies {
		firms = append(firms, object{"company_id": f.ID, "company_domain": f.Domain, "metadata": object{"name": f.Name, "plan": f.Plan}})
	}
	for path, list := range map[string][]object{"/v1/users/batch": people, "/v1/companies/batch": firms} {
		body, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("demo profiles: %w", err)
		}
		if err := c.post(ctx, path, body); err != nil {
			return err
		}
	}
	return nil
}

// History makes up the days before the demo's start, so that a chart has a past:
// the last hour call by call, what is older as sampled events that stand for
// fifty calls each. Oldest first.
func History(start time.Time) []wire.Event {
	const recent, sampled = time.Hour, 50
	var events []wire.Event
	r := rand.New(rand.NewPCG(1, uint64(start.Unix()))) // made-up traffic needs no secret
	for _, customer := range Customers() {
		weight := sampled
		t := start.Add(-past)
		for t.Before(start) {
			at, calls := customer.next(t, start, 1/float64(weight), r)
			if weight == sampled && at.After(start.Add(-recent)) {
				at, calls, weight = start.Add(-recent), false, 1
			}
			if calls && at.Before(start) {
				events = append(events, madeUp(customer, at, weight, r))
			}
			t = at
		}
	}
	slices.SortFunc(events, func(a, b wire.Event) int { return a.Request.Time.Compare(b.Request.Time) })
	return events
}

// Send posts events in batches.
func (c Collector) Send(ctx context.Context, events []wire.Event) error {
	const batch = 500
	var body []byte
	for part := range slices.Chunk(events, batch) {
		body = wire.AppendEvents(body[:0], part)
		if err := c.post(ctx, "/v1/events/batch", body); err != nil {
			return err
		}
	}
	return nil
}

// madeUp is the event that the gateway would have reported for one call at that time.
func madeUp(c Customer, at time.Time, weight int, r *rand.Rand) wire.Event {
	k := choose(c, r)
	took := time.Duration(k.latency * (0.7 + 0.4*r.Float64() + 0.3*r.ExpFloat64()*r.Float64()) * float64(time.Millisecond))
	gatemeter := map[string]any{"identity": "claimed"}
	if k.route != "" {
		gatemeter["route"] = k.route
	} else {
		gatemeter["refused"] = "not_found"
	}
	metadata, err := json.Marshal(map[string]any{"krakend": map[string]string{"service": "shop", "region": "eu"}, "gatemeter": gatemeter})
	if err != nil {
		panic(err) // maps of strings always encode
	}
	event := wire.Event{
		TransactionID: uuid.Must(uuid.NewV7()).String(),
		UserID:        c.ID,
		CompanyID:     c.Company.ID,
		Direction:     "Incoming",
		Weight:        weight,
		Metadata:      metadata,
		Request: wire.Request{
			Time: at, URI: "http://shop.example" + k.target(c, r), Verb: k.method, ContentLength: -1,
			IPAddress: fmt.Sprintf("192.0.2.%d", int(c.ID[0])%250+len(c.ID)),
		},
		Response: &wire.Response{Time: at.Add(took), Status: k.status(r), ContentLength: -1},
	}
	for name, values := range k.headers(c) {
		value := values[0]
		if name == "Authorization" {
			value = "*****"
		}
		event.Request.Headers = append(event.Request.Headers, wire.Header{Name: name, Value: value})
	}
	return event
}

func (c Collector) post(ctx context.Context, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("demo %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Moesif-Application-Id", c.ApplicationID)
	resp, err := c.Client.Do(req)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("demo %s: reading the answer: %w", path, err)
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("demo %s: the collector answered %s: %s", path, resp.Status, answer)
	}
	return nil
}
