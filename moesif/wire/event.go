// Package wire holds the words of Moesif's protocol: events, actions, users,
// companies, subscriptions, the application's configuration and its governance
// rules, as the collector API carries them (Moesif wire, 2 to 4.1).
package wire

import (
	"encoding/json"
	"time"
)

// Event is one request and its answer on the wire (Moesif wire 2.2).
// The empty string stands for "absent" in every field.
type Event struct {
	Request        Request
	Response       *Response // nil when there was no answer
	UserID         string
	CompanyID      string
	SubscriptionID string
	SessionToken   string
	TransactionID  string          // UUID; the key that makes a second arrival a duplicate
	Direction      string          // Incoming, Outgoing, Internal
	Weight         int             // calls this event stands for; 0 is read as 1
	BlockedBy      string          // _id of the rule that blocked the call
	Metadata       json.RawMessage // a JSON object, or nil
}

// Request is what the client asked.
type Request struct {
	Time             time.Time // UTC, microseconds
	URI              string    // whole: scheme, host, path, query
	Verb             string
	Headers          Headers
	APIVersion       string
	IPAddress        string
	Body             json.RawMessage // the JSON value as it stands on the wire; nil is absent
	TransferEncoding string          // "json", "base64" (Body is then a JSON string), "" is json
	ContentLength    int64           // bytes; -1 is unknown (and absent on the wire)
}

// Response is what the client got.
type Response struct {
	Time             time.Time // UTC, microseconds: when the last byte went out
	Status           int
	Headers          Headers
	IPAddress        string
	Body             json.RawMessage
	TransferEncoding string
	ContentLength    int64 // bytes; -1 is unknown (and absent on the wire)
}

// Headers are header fields in order; a name with several values has several
// entries. On the wire they are an object of strings, repeated values joined
// with ", ", except Set-Cookie, which is an array.
type Headers []Header

// Header is one header field.
type Header struct{ Name, Value string }
