package policy

import (
	"net/http"
	"time"
)

// Answer is what expressions see of an answer before the client gets it, one after the
// other.
type Answer struct {
	Time      time.Time
	Completed bool
	// Of a no-op backend, else 0 and nil (KrakenD v3, 4.1).
	Status int
	Header http.Header
	// Data is what was decoded, or Raw the JSON object it would be decoded from: that
	// happens only where an expression looks at it. Neither is changed.
	Data map[string]any
	Raw  []byte

	made any // resp_data, once an expression has looked at it
}

// data is resp_data. Whole numbers are ints, others doubles.
func (a *Answer) data() any {
	switch {
	case a.made != nil:
	case a.Raw != nil:
		a.made = objectOf(string(a.Raw))
	case a.Data == nil:
		a.made = map[string]any{}
	default:
		a.made = numbers(a.Data)
	}
	return a.made
}

// fromAnswer resolves what is about the answer; nil for an unknown name.
func (x *exchange) fromAnswer(name string) any {
	a := x.answer
	switch name {
	case "resp_completed":
		return a.Completed
	case "resp_status", "resp_metadata_status":
		return a.Status
	case "resp_headers", "resp_metadata_headers":
		if a.Header == nil {
			return map[string][]string{}
		}
		return map[string][]string(a.Header)
	case "resp_data":
		return a.data()
	}
	return nil
}

// phase says which variables there are; the others fail at run time.
type phase byte

const (
	everything phase = iota // a complete exchange
	requests                // what there is before the answer
	answers                 // the answer and nothing else
)
