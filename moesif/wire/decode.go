package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// DecodeEvent reads one event as any SDK sends it (Moesif wire, 0 and 2.2):
// header values that are arrays or numbers, ids that are numbers, "" for what is
// absent, all forms of timestamps. Keys are matched exactly, unknown ones are
// ignored, the last of two equal ones counts. request.time, request.uri and
// request.verb must be there. The result shares no memory with data.
//
// Errors name the field: `request.time: not a timestamp: "x"`.
func DecodeEvent(data []byte) (Event, error) {
	var e Event
	data = validUTF8(data)
	r := &reader{Scanner: scan.New(data), whole: string(data)}
	err := r.read("event", func(r *reader, t scan.Token) error { return r.event(&e, t) })
	if err == nil {
		err = e.missing()
	}
	if err != nil {
		return Event{}, err
	}
	return e, nil
}

// missing says what an event must have and has not.
func (e *Event) missing() error {
	switch {
	case e.Request.Time.IsZero():
		return errors.New("request.time: missing")
	case e.Request.URI == "":
		return errors.New("request.uri: missing")
	case e.Request.Verb == "":
		return errors.New("request.verb: missing")
	}
	return nil
}

// UnmarshalJSON is DecodeEvent for encoding/json.
func (e *Event) UnmarshalJSON(data []byte) error {
	decoded, err := DecodeEvent(data)
	if err == nil {
		*e = decoded
	}
	return err
}

func (r *reader) event(e *Event, t scan.Token) error {
	if t.Kind != scan.BeginObject {
		return fmt.Errorf("event: must be an object (got %s)", t.Kind)
	}
	return r.members(t, "event", func(key []byte, t scan.Token) error {
		switch string(key) {
		case "request":
			return r.request(&e.Request, t)
		case "response":
			e.Response = nil
			if t.Kind == scan.BeginObject {
				e.Response = r.newResponse()
			}
			return r.response(e.Response, t)
		case "user_id":
			return r.stringInto(&e.UserID, t, "user_id")
		case "company_id":
			return r.stringInto(&e.CompanyID, t, "company_id")
		case "subscription_id":
			return r.stringInto(&e.SubscriptionID, t, "subscription_id")
		case "session_token":
			return r.stringInto(&e.SessionToken, t, "session_token")
		case "transaction_id":
			return r.stringInto(&e.TransactionID, t, "transaction_id")
		case "direction":
			return r.stringInto(&e.Direction, t, "direction")
		case "weight":
			weight := int64(0)
			err := r.intInto(&weight, t, "weight", 0, math.MaxInt32)
			e.Weight = int(weight)
			return err
		case "blocked_by":
			return r.stringInto(&e.BlockedBy, t, "blocked_by")
		case "metadata":
			return r.objectInto(&e.Metadata, t, "metadata")
		}
		return r.skip(t)
	})
}

func (r *reader) request(q *Request, t scan.Token) error {
	*q = Request{ContentLength: -1}
	err := r.members(t, "request", func(key []byte, t scan.Token) error {
		switch string(key) {
		case "time":
			return r.timeInto(&q.Time, t, "request.time")
		case "uri":
			return r.stringInto(&q.URI, t, "request.uri")
		case "verb":
			return r.stringInto(&q.Verb, t, "request.verb")
		case "headers":
			return r.headersInto(&q.Headers, t, "request.headers")
		case "api_version":
			return r.stringInto(&q.APIVersion, t, "request.api_version")
		case "ip_address":
			return r.stringInto(&q.IPAddress, t, "request.ip_address")
		case "body":
			return r.rawInto(&q.Body, t)
		case "transfer_encoding":
			return r.stringInto(&q.TransferEncoding, t, "request.transfer_encoding")
		case "content_length":
			return r.lengthInto(&q.ContentLength, t)
		}
		return r.skip(t)
	})
	q.TransferEncoding = transferEncoding(q.TransferEncoding, q.Body)
	return err
}

// response fills p, which is nil when t is no object.
func (r *reader) response(p *Response, t scan.Token) error {
	if p == nil {
		return r.nothing(t, "response", "an object")
	}
	p.ContentLength = -1
	err := r.members(t, "response", func(key []byte, t scan.Token) error {
		switch string(key) {
		case "time":
			return r.timeInto(&p.Time, t, "response.time")
		case "status":
			status := int64(0)
			err := r.intInto(&status, t, "response.status", 0, 999)
			p.Status = int(status)
			return err
		case "headers":
			return r.headersInto(&p.Headers, t, "response.headers")
		case "ip_address":
			return r.stringInto(&p.IPAddress, t, "response.ip_address")
		case "body":
			return r.rawInto(&p.Body, t)
		case "transfer_encoding":
			return r.stringInto(&p.TransferEncoding, t, "response.transfer_encoding")
		case "content_length":
			return r.lengthInto(&p.ContentLength, t)
		}
		return r.skip(t)
	})
	p.TransferEncoding = transferEncoding(p.TransferEncoding, p.Body)
	return err
}

// transferEncoding returns what is true of body. An SDK is known to send HTTP's
// Transfer-Encoding here (Moesif wire 5.1).
func transferEncoding(sent string, body json.RawMessage) string {
	switch {
	case sent == "json":
		return sent
	case sent == "base64" && len(body) > 0 && body[0] == '"':
		return sent
	}
	return ""
}

// lengthInto stores a content length; whatever is none is "unknown".
func (r *reader) lengthInto(dst *int64, t scan.Token) error {
	*dst = -1
	if t.Kind != scan.Number && t.Kind != scan.String {
		return r.skip(t)
	}
	if r.intInto(dst, t, "content_length", 0, math.MaxInt64) != nil {
		*dst = -1
	}
	return nil
}
