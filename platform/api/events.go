package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/events"
)

// Event is one call, in the wire form of Moesif's Collector API.
type Event wire.Event

// MarshalJSON writes the wire form.
func (e Event) MarshalJSON() ([]byte, error) {
	w := wire.Event(e)
	return wire.AppendEvent(nil, &w), nil
}

// Schema describes the wire form, which Go's fields do not show.
func (Event) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[WireEvent](), true, "")
}

// WireEvent is the shape of an Event as JSON.
type WireEvent struct {
	Request        WireRequest    `json:"request" doc:"What the client asked."`
	Response       *WireResponse  `json:"response,omitempty" doc:"What the client got; absent when there was no answer."`
	UserID         string         `json:"user_id,omitempty" doc:"Who called." example:"ada"`
	CompanyID      string         `json:"company_id,omitempty" doc:"The company of who called." example:"acme"`
	SubscriptionID string         `json:"subscription_id,omitempty" doc:"The subscription the call counts for." example:"sub_1"`
	SessionToken   string         `json:"session_token,omitempty" doc:"The caller's session." example:"s-81"`
	TransactionID  string         `json:"transaction_id" doc:"The call's id." example:"019ab5c2-7e1f-7c3a-9d54-3f0a6b1e2c4d"`
	Direction      string         `json:"direction,omitempty" doc:"Incoming, Outgoing or Internal." example:"Incoming"`
	Weight         int            `json:"weight,omitempty" doc:"How many calls this one stands for; absent is 1." example:"1"`
	BlockedBy      string         `json:"blocked_by,omitempty" doc:"Id of the governance rule that blocked the call." example:"64ca685a833073c6b41b15f3"`
	Metadata       map[string]any `json:"metadata,omitempty" doc:"Free-form. gatemeter.route is the endpoint's pattern, krakend what the operator configured." example:"{\"gatemeter\":{\"route\":\"/orders/{id}\",\"identity\":\"verified\"}}"`
}

// WireRequest is the shape of an event's request.
type WireRequest struct {
	Time             time.Time      `json:"time" doc:"When the request's headers were read." example:"2026-11-22T10:00:00.123456Z"`
	URI              string         `json:"uri" doc:"Scheme, host, path and query." example:"https://api.example.com/orders/42?full=1"`
	Verb             string         `json:"verb" doc:"HTTP method." example:"GET"`
	Headers          map[string]any `json:"headers,omitempty" doc:"Header fields: strings, or arrays of strings." example:"{\"Accept\":\"application/json\"}"`
	APIVersion       string         `json:"api_version,omitempty" doc:"Version of the API that was called." example:"1.2"`
	IPAddress        string         `json:"ip_address,omitempty" doc:"The client's address." example:"203.0.113.7"`
	Body             any            `json:"body,omitempty" doc:"The body: any JSON value, or base64 text."`
	TransferEncoding string         `json:"transfer_encoding,omitempty" doc:"json, or base64 when the body is base64 text." example:"json"`
	ContentLength    int64          `json:"content_length,omitempty" doc:"Bytes of the body, where known." example:"182"`
}

// WireResponse is the shape of an event's response.
type WireResponse struct {
	Time             time.Time      `json:"time" doc:"When the answer's last byte went out." example:"2026-11-22T10:00:00.171220Z"`
	Status           int            `json:"status" doc:"HTTP status." example:"200"`
	Headers          map[string]any `json:"headers,omitempty" doc:"Header fields: strings, or arrays of strings." example:"{\"Content-Type\":\"application/json\"}"`
	IPAddress        string         `json:"ip_address,omitempty" doc:"The server's address." example:"10.0.0.3"`
	Body             any            `json:"body,omitempty" doc:"The body: any JSON value, or base64 text."`
	TransferEncoding string         `json:"transfer_encoding,omitempty" doc:"json, or base64 when the body is base64 text." example:"json"`
	ContentLength    int64          `json:"content_length,omitempty" doc:"Bytes of the body, where known." example:"964"`
}

type eventsRequest struct {
	Scope
	Which
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many events to return at most: fewer when their bodies would take more than 16 MiB." example:"100"`
	Cursor string `query:"cursor" maxLength:"4096" doc:"The member next of the page before." example:""`
	Bodies bool   `query:"bodies" default:"true" doc:"Whether to return request and response bodies." example:"true"`
	Brief  bool   `query:"brief" default:"false" doc:"Whether to return only what a list shows, which is read in less than half the time: id, times, verb, path and query of the address, status, user, company, blocked_by, and of the metadata gatemeter.identity and gatemeter.refused. There are no bodies then." example:"false"`
}

type eventsAnswer struct {
	Body struct {
		Events []Event `json:"events" nullable:"false" doc:"Calls, newest first."`
		Next   string  `json:"next" doc:"Cursor of the next, older page; empty at the end." example:""`
	}
}

type eventRequest struct {
	TransactionID string `path:"transaction_id" maxLength:"1024" doc:"The call's id." example:"019ab5c2-7e1f-7c3a-9d54-3f0a6b1e2c4d"`
	App           string `query:"app" maxLength:"255" doc:"The application's id. It may be left out when there is one application." example:"app_k3v9x2m7q4ts"`
}

type eventAnswer struct{ Body Event }

func (a *api) addEvents() {
	tags := []string{"events"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/api/v1/events", Tags: tags, Metadata: needs(access.ReadEvents), Errors: []int{401, 404, 422, 503, 504},
		Summary: "Calls, newest first", Description: "In the wire form of Moesif's Collector API. A call can be seen here within 2 seconds after the collector took it.",
	}, func(ctx context.Context, r *eventsRequest) (*eventsAnswer, error) {
		f, err := a.filter(r.Scope, r.Which, 0)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		list, next, err := a.Events.List(ctx, f, events.Page{Limit: r.Limit, Cursor: r.Cursor, Bodies: r.Bodies, Brief: r.Brief})
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		answer := &eventsAnswer{}
		answer.Body.Events = make([]Event, len(list))
		for i, e := range list {
			answer.Body.Events[i] = Event(e)
		}
		answer.Body.Next = next
		return answer, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-event", Method: http.MethodGet, Path: "/api/v1/events/{transaction_id}", Tags: tags, Metadata: needs(access.ReadEvents), Errors: []int{401, 404, 422, 503},
		Summary: "One call, with its bodies",
	}, func(ctx context.Context, r *eventRequest) (*eventAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		e, err := a.Events.Get(ctx, app.ID, r.TransactionID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &eventAnswer{Body: Event(e)}, nil
	})
}
